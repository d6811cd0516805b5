from django.urls import path

from captures import views
from captures.plans import views as plans

urlpatterns = [
    path("", views.timeline, name="timeline"),
    path("live", views.timeline_live, name="timeline-live"),
    path("captures/<uuid:pk>", views.capture, name="capture"),
    path("captures/<uuid:pk>/live", views.capture_live, name="capture-live"),
    path("captures/<uuid:pk>/image", views.capture_image, name="capture-image"),
    path("captures/<uuid:pk>/thumbnail", views.capture_thumbnail, name="capture-thumbnail"),
    path("captures/<uuid:pk>/label", views.add_label, name="label-capture"),
    path("cameras", views.cameras, name="cameras"),
    path("cameras/<uuid:pk>", views.camera, name="camera"),
    path("cameras/<uuid:pk>/definition", views.definition, name="definition"),
    path("cameras/<uuid:pk>/learn-again", views.start_learning, name="learn-again"),
    path("organization/plan", plans.plan, name="plan"),
    path("organization/plan/redeem", plans.redeem, name="redeem-code"),
    path("organization/plan/judge", plans.judge_over_limit, name="judge-over-limit"),
]
