from django.urls import include, path

from orgs.views import join, organization, tokens

urlpatterns = [
    path("", include("orgs.accounts.urls")),
    path("account/tokens", tokens.tokens, name="tokens"),
    path("account/tokens/<uuid:pk>/rename", tokens.rename, name="rename-token"),
    path("account/tokens/<uuid:pk>/revoke", tokens.revoke, name="revoke-token"),
    path("join/<str:token>", join.join, name="join"),
    path("organization", organization.organization, name="organization"),
    path("organization/change", organization.change_settings, name="change-organization"),
    path("organization/leave", organization.leave, name="leave"),
    path("organization/transfer", organization.transfer, name="transfer"),
    path("organization/transfer/<uuid:pk>/accept", organization.accept_transfer, name="accept-transfer"),
    path("organization/transfer/<uuid:pk>/cancel", organization.cancel_transfer, name="cancel-transfer"),
    path("organizations/new", organization.new_organization, name="new-organization"),
    path("organizations/switch", organization.switch_organization, name="switch-organization"),
]
