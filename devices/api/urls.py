from django.urls import path

from devices.api import audit, people, views

urlpatterns = [
    path("audit", audit.AuditList.as_view(), name="api-audit"),
    path("devices", views.DeviceList.as_view(), name="api-devices"),
    path("devices/<str:name>", views.DeviceDetail.as_view(), name="api-device"),
    path("orgs/current/members", people.MemberList.as_view(), name="api-members"),
    path("orgs/current/members/<uuid:pk>", people.MemberDetail.as_view(), name="api-member"),
    path("orgs/current/invitations", people.InvitationList.as_view(), name="api-invitations"),
    path("orgs/current/invitations/<uuid:pk>", people.InvitationDetail.as_view(), name="api-invitation"),
]
