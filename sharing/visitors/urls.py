"""What those reach who hold a link; each address has the link's token."""

from django.urls import path

from sharing.visitors import counting, reporting

urlpatterns = [
    path("s/<str:token>/view", counting.view, name="share-view"),
    path("s/<str:token>/report", reporting.report, name="share-report"),
]
