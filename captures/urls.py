from django.urls import path

from captures import views
from captures.calendar import views as calendar
from captures.cameras import views as cameras
from captures.leaving import views as leaving
from captures.plans import views as plans
from captures.retention import views as retention
from captures.told import views as told

urlpatterns = [
    path("", views.timeline, name="timeline"),
    path("live", views.timeline_live, name="timeline-live"),
    path("captures/<uuid:pk>", views.capture, name="capture"),
    path("captures/<uuid:pk>/live", views.capture_live, name="capture-live"),
    path("pictures/<str:signature>/<int:ends>/<path:key>", views.picture, name="picture"),
    path("captures/<uuid:pk>/image", views.capture_image, name="capture-image"),
    path("captures/<uuid:pk>/thumbnail", views.capture_thumbnail, name="capture-thumbnail"),
    path("captures/<uuid:pk>/label", views.add_label, name="label-capture"),
    path("captures/<uuid:pk>/hold", retention.hold, name="hold-capture"),
    path("captures/<uuid:pk>/release", retention.release, name="release-capture"),
    path("captures/<uuid:pk>/delete", retention.delete, name="delete-capture"),
    path("cameras", cameras.cameras, name="cameras"),
    path("cameras/live", cameras.cameras_live, name="cameras-live"),
    path("cameras/<uuid:pk>", cameras.camera, name="camera"),
    path("cameras/<uuid:pk>/condition", cameras.condition_live, name="camera-condition"),
    path("cameras/<uuid:pk>/calendar", calendar.month, name="camera-calendar"),
    path("cameras/<uuid:pk>/calendar.csv", calendar.download, name="calendar-download"),
    path("cameras/<uuid:pk>/calendar/<str:day>", calendar.day, name="calendar-day"),
    path("cameras/<uuid:pk>/told", told.told_live, name="camera-told"),
    path("cameras/<uuid:pk>/definition", views.definition, name="definition"),
    path("cameras/<uuid:pk>/learn-again", views.start_learning, name="learn-again"),
    path("cameras/<uuid:pk>/retention", retention.of_camera, name="camera-retention"),
    path("cameras/<uuid:pk>/retention/remove", retention.remove_of_camera, name="remove-camera-retention"),
    path("organization/retention", retention.of_organization, name="retention"),
    path("organization/leaving", leaving.leaving, name="leaving"),
    path("organization/leaving/export", leaving.ask_export, name="ask-export"),
    path("organization/leaving/exports/<uuid:pk>", leaving.download_export, name="download-export"),
    path("organization/leaving/delete", leaving.ask_deletion, name="ask-deletion"),
    path("organization/leaving/keep", leaving.keep, name="keep-organization"),
    path("organization/plan", plans.plan, name="plan"),
    path("organization/plan/redeem", plans.redeem, name="redeem-code"),
    path("organization/plan/judge", plans.judge_over_limit, name="judge-over-limit"),
]
