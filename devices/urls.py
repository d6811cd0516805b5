from django.urls import path

from devices.views import audit, cameras, people

urlpatterns = [
    path("organization/audit", audit.audit, name="audit"),
    path("organization/audit.csv", audit.download_audit, name="audit-download"),
    path("cameras/<uuid:pk>/audit", audit.camera_audit, name="camera-audit"),
    path("cameras/<uuid:pk>/settings", cameras.camera_settings, name="camera-settings"),
    path("cameras/add", cameras.add_camera, name="add-camera"),
    path("cameras/<uuid:pk>/rename", cameras.rename_camera, name="rename-camera"),
    path("cameras/<uuid:pk>/keys", cameras.add_key, name="add-key"),
    path("cameras/<uuid:pk>/keys/<uuid:key_pk>/revoke", cameras.end_key, name="revoke-key"),
    path("organization/people", people.people, name="people"),
    path("organization/people/invite", people.invite_person, name="invite"),
    path("organization/people/<uuid:pk>", people.change_member, name="change-member"),
    path("organization/people/<uuid:pk>/remove", people.remove, name="remove-member"),
    path("organization/invitations/<uuid:pk>/resend", people.send_again, name="resend-invitation"),
    path("organization/invitations/<uuid:pk>/revoke", people.take_back, name="revoke-invitation"),
]
