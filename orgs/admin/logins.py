"""What the libraries keep about logins: to look at, without what would let an operator log in as somebody."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from orgs.readonly import ReadOnlyAdmin

# Their own pages show secrets: those of the second factor, of providers, and refresh tokens that are still good.
for model in (
    EmailAddress,
    Authenticator,
    SocialAccount,
    SocialApp,
    SocialToken,
    OutstandingToken,
    BlacklistedToken,
):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


@admin.register(EmailAddress)
class EmailAddressAdmin(ReadOnlyAdmin):
    """Whether an address was verified. The login itself is changed on the page of the user."""

    list_display = ("email", "user", "verified", "primary")
    list_filter = ("verified", "primary")
    list_select_related = ("user",)
    search_fields = ("email", "user__email")
    ordering = ("-pk",)
    fields = list_display


@admin.register(Authenticator)
class AuthenticatorAdmin(ReadOnlyAdmin):
    """Which second factors people have. One that was lost is removed by an action on the list of users."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    list_select_related = ("user",)
    search_fields = ("user__email",)
    ordering = ("-pk",)
    fields = list_display


@admin.register(SocialAccount)
class SocialAccountAdmin(ReadOnlyAdmin):
    """Who logs in by another provider."""

    list_display = ("user", "provider", "uid", "last_login", "date_joined")
    list_select_related = ("user",)
    search_fields = ("user__email", "uid")
    ordering = ("-pk",)
    fields = list_display
