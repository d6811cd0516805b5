"""What those reach who hold a link; each address has the link's token."""

from django.urls import path

from sharing.visitors import api, counting, files, galleries, latest, reporting

urlpatterns = [
    path("s/<str:token>", galleries.gallery, name="share"),
    path("s/<str:token>/pictures/<uuid:pk>", galleries.picture, name="share-picture"),
    path("s/<str:token>/pictures/<uuid:pk>/image", files.image, name="share-image"),
    path("s/<str:token>/pictures/<uuid:pk>/thumbnail", files.thumbnail, name="share-thumbnail"),
    path("s/<str:token>/pictures/<uuid:pk>/original", files.original, name="share-original"),
    path("s/<str:token>/latest.jpg", latest.latest, name="share-latest"),
    path("s/<str:token>/preview.jpg", latest.preview, name="share-preview"),
    path("s/<str:token>/embed", galleries.embed, name="share-embed"),
    path("s/<str:token>/view", counting.view, name="share-view"),
    path("s/<str:token>/report", reporting.report, name="share-report"),
    path("api/s/<str:token>", api.SharedPictures.as_view(), name="api-share"),
]
