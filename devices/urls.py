from django.urls import path

from devices.views import audit, cameras, claim, configuration, control, keys, lifecycle, people, schedules

urlpatterns = [
    path("organization/audit", audit.audit, name="audit"),
    path("organization/audit.csv", audit.download_audit, name="audit-download"),
    path("cameras/<uuid:pk>/audit", audit.camera_audit, name="camera-audit"),
    path("cameras/<uuid:pk>/settings", cameras.camera_settings, name="camera-settings"),
    path("cameras/add", cameras.add_camera, name="add-camera"),
    path("claim", claim.claim, name="claim"),
    path("cameras/<uuid:pk>/service/<str:step>", lifecycle.change_service, name="camera-service"),
    path("cameras/<uuid:pk>/rename", cameras.rename_camera, name="rename-camera"),
    path("cameras/<uuid:pk>/keys", keys.add_key, name="add-key"),
    path("cameras/<uuid:pk>/keys/<uuid:key_pk>/revoke", keys.end_key, name="revoke-key"),
    path("cameras/<uuid:pk>/keys/<uuid:key_pk>/rotate", keys.replace_key, name="rotate-key"),
    path("cameras/<uuid:pk>/configuration", configuration.configure_camera, name="configure-camera"),
    path("cameras/<uuid:pk>/trigger", control.trigger_camera, name="trigger-camera"),
    path("cameras/<uuid:pk>/schedules", schedules.schedules, name="camera-schedules"),
    path("cameras/<uuid:pk>/schedules/add", schedules.add_to_schedules, name="add-schedule"),
    path("cameras/<uuid:pk>/schedules/preview", schedules.preview_schedule, name="preview-schedule"),
    path("cameras/<uuid:pk>/schedules/<uuid:schedule_pk>", schedules.edit_schedule, name="edit-schedule"),
    path(
        "cameras/<uuid:pk>/schedules/<uuid:schedule_pk>/switch", schedules.switch_schedule, name="switch-schedule"
    ),
    path(
        "cameras/<uuid:pk>/schedules/<uuid:schedule_pk>/remove",
        schedules.remove_from_schedules,
        name="remove-schedule",
    ),
    path("organization/people", people.people, name="people"),
    path("organization/people/invite", people.invite_person, name="invite"),
    path("organization/people/<uuid:pk>", people.change_member, name="change-member"),
    path("organization/invitations/<uuid:pk>/resend", people.send_again, name="resend-invitation"),
    path("organization/invitations/<uuid:pk>/revoke", people.take_back, name="revoke-invitation"),
]
