from django.urls import path

from devices.api import audit, claims, commands, configuration, control, devices, keys, people, schedules

urlpatterns = [
    path("audit", audit.AuditList.as_view(), name="api-audit"),
    path("devices", devices.DeviceList.as_view(), name="api-devices"),
    path("devices/claim", claims.ClaimDevice.as_view(), name="api-claim"),
    path("devices/<str:name>", devices.DeviceDetail.as_view(), name="api-device"),
    path("devices/<str:name>/suspend", devices.SuspendDevice.as_view(), name="api-device-suspend"),
    path("devices/<str:name>/resume", devices.ResumeDevice.as_view(), name="api-device-resume"),
    path("devices/<str:name>/retire", devices.RetireDevice.as_view(), name="api-device-retire"),
    path("devices/<str:name>/reinstate", devices.ReinstateDevice.as_view(), name="api-device-reinstate"),
    path("units/claim", claims.ClaimUnit.as_view(), name="api-unit-claim"),
    path("devices/<str:name>/commands", commands.CommandList.as_view(), name="api-commands"),
    path("devices/<str:name>/commands/<str:trigger_id>", control.CommandDetail.as_view(), name="api-command"),
    path("devices/<str:name>/commands/<str:trigger_id>/ack", control.Acknowledgement.as_view(), name="api-ack"),
    path("devices/<str:name>/trigger", control.Trigger.as_view(), name="api-trigger"),
    path("devices/<str:name>/heartbeat", control.Heartbeat.as_view(), name="api-heartbeat"),
    path("devices/<str:name>/config", configuration.Configuration.as_view(), name="api-configuration"),
    path("devices/<str:name>/keys", keys.KeyList.as_view(), name="api-keys"),
    path("devices/<str:name>/keys/<uuid:key_pk>", keys.KeyDetail.as_view(), name="api-key"),
    path("devices/<str:name>/keys/<uuid:key_pk>/rotate", keys.KeyRotation.as_view(), name="api-key-rotation"),
    path("devices/<str:name>/schedules", schedules.ScheduleList.as_view(), name="api-schedules"),
    path("devices/<str:name>/schedules/preview", schedules.SchedulePreview.as_view(), name="api-schedule-preview"),
    path(
        "devices/<str:name>/schedules/<uuid:schedule_pk>", schedules.ScheduleDetail.as_view(), name="api-schedule"
    ),
    path("orgs/current/members", people.MemberList.as_view(), name="api-members"),
    path("orgs/current/members/<uuid:pk>", people.MemberDetail.as_view(), name="api-member"),
    path("orgs/current/invitations", people.InvitationList.as_view(), name="api-invitations"),
    path("orgs/current/invitations/<uuid:pk>", people.InvitationDetail.as_view(), name="api-invitation"),
]
