from django.urls import path

from captures import overview, views
from captures.calendar import views as calendar
from captures.leaving import views as leaving
from captures.plans import views as plans
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
    path("cameras", views.cameras, name="cameras"),
    path("cameras/live", overview.cameras_live, name="cameras-live"),
    path("cameras/<uuid:pk>", views.camera, name="camera"),
    path("cameras/<uuid:pk>/condition", overview.condition_live, name="camera-condition"),
    path("cameras/<uuid:pk>/calendar", calendar.month, name="camera-calendar"),
    path("cameras/<uuid:pk>/calendar.csv", calendar.download, name="calendar-download"),
    path("cameras/<uuid:pk>/calendar/<str:day>", calendar.day, name="calendar-day"),
    path("cameras/<uuid:pk>/told", told.told_live, name="camera-told"),
    path("cameras/<uuid:pk>/definition", views.definition, name="definition"),
    path("cameras/<uuid:pk>/learn-again", views.start_learning, name="learn-again"),
    path("organization/leaving", leaving.leaving, name="leaving"),
    path("organization/leaving/export", leaving.ask_export, name="ask-export"),
    path("organization/leaving/exports/<uuid:pk>", leaving.download_export, name="download-export"),
    path("organization/leaving/delete", leaving.ask_deletion, name="ask-deletion"),
    path("organization/leaving/keep", leaving.keep, name="keep-organization"),
    path("organization/plan", plans.plan, name="plan"),
    path("organization/plan/redeem", plans.redeem, name="redeem-code"),
    path("organization/plan/judge", plans.judge_over_limit, name="judge-over-limit"),
]
