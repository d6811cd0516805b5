from django.urls import path

from sharing.api import views

urlpatterns = [
    path("devices/<str:name>/share", views.ShareDevice.as_view(), name="api-share-device"),
    path("share-links", views.LinkList.as_view(), name="api-share-links"),
    path("share-links/revoke", views.RevokeLinks.as_view(), name="api-revoke-links"),
    path("share-links/<str:token>", views.LinkDetail.as_view(), name="api-share-link"),
    path("share-links/<str:token>/qrcode", views.LinkQRCode.as_view(), name="api-share-qrcode"),
    path("sharing-policy", views.Policy.as_view(), name="api-sharing-policy"),
]
