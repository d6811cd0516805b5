from django.urls import path

from devices import views

urlpatterns = [
    path("cameras/add", views.add_camera, name="add-camera"),
    path("cameras/<uuid:pk>/rename", views.rename_camera, name="rename-camera"),
    path("cameras/<uuid:pk>/keys", views.add_key, name="add-key"),
    path("cameras/<uuid:pk>/keys/<uuid:key_pk>/revoke", views.end_key, name="revoke-key"),
]
