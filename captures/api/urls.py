from django.urls import path

from captures.api import views
from captures.calendar import api as calendar
from captures.direct import api as direct
from captures.plans import api as plans
from captures.retention import api as retention

urlpatterns = [
    path("captures", views.CaptureList.as_view(), name="api-captures"),
    path("captures/presign", direct.PresignUpload.as_view(), name="api-upload-presign"),
    path("captures/<uuid:pk>/complete", direct.CompleteUpload.as_view(), name="api-upload-complete"),
    path("captures/<str:name>", views.CaptureDetail.as_view(), name="api-capture"),
    path("captures/<str:name>/hold", views.CaptureHold.as_view(), name="api-capture-hold"),
    path("captures/<str:name>/status", views.CaptureStatus.as_view(), name="api-capture-status"),
    path("captures/<str:name>/image", views.CaptureImage.as_view(), name="api-capture-image"),
    path("captures/<str:name>/thumbnail", views.CaptureThumbnail.as_view(), name="api-capture-thumbnail"),
    path("devices/<str:name>/calendar", calendar.Calendar.as_view(), name="api-calendar"),
    path("devices/<str:name>/calendar/<str:day>", calendar.CalendarDayDetail.as_view(), name="api-calendar-day"),
    path("devices/<str:name>/retention", retention.CameraRetention.as_view(), name="api-camera-retention"),
    path(
        "devices/<str:name>/retention/preview",
        retention.CameraRetentionPreview.as_view(),
        name="api-camera-retention-preview",
    ),
    path("retention", retention.OrganizationRetention.as_view(), name="api-retention"),
    path("retention/forecasts/<uuid:pk>", retention.RetentionForecast.as_view(), name="api-retention-forecast"),
    path("retention/preview", retention.OrganizationRetentionPreview.as_view(), name="api-retention-preview"),
    path("orgs/current/plan", plans.PlanDetail.as_view(), name="api-plan"),
    path("orgs/current/redeem", plans.Redeem.as_view(), name="api-redeem"),
]
