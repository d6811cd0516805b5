"""Personal API tokens. Their text was shown once, to their owner; here they are found by its prefix."""

from typing import cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from orgs.models import ApiToken, ApiTokenUsage, User
from orgs.readonly import ArchiveAdmin, ReadOnlyAdmin
from orgs.services.tokens import revoke_token


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    list_display = ("prefix", "name", "user", "org", "access", "state", "created_at", "expires_at", "last_used_at")
    list_filter = ("access", ("revoked_at", admin.EmptyFieldListFilter), "expires_at", "last_used_at")
    list_select_related = ("user", "org")
    search_fields = ("prefix", "user__email", "org__slug")
    search_help_text = "Prefix of the token, e-mail address of its owner, slug of the organization"
    ordering = ("-pk",)
    # Not the digest nor its pepper: nobody needs to see what only a machine compares.
    fields = (
        "id",
        "org",
        "user",
        "name",
        "prefix",
        "access",
        "networks",
        "daily_quota",
        "state",
        "created_at",
        "expires_at",
        "revoked_at",
        "last_used_at",
        "last_used_from",
    )
    actions = ("revoke",)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("orgs.change_apitoken")

    @admin.action(description="Revoke the selected tokens, for good", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        tokens = list(queryset.filter(revoked_at=None))
        for token in tokens:
            revoke_token(token=token, acting_user=cast(User, request.user))
            self.log_change(request, token, "Revoked.")
        self.message_user(request, f"Tokens revoked: {len(tokens)}.", messages.SUCCESS)


@admin.register(ApiTokenUsage)
class ApiTokenUsageAdmin(ArchiveAdmin):
    list_display = ("day", "key", "org", "requests", "pictures", "bytes")
    list_filter = ("day",)
    list_select_related = ("key", "org")
    ids = ("key", "org")
    texts = ("key__prefix", "org__slug")
    search_help_text = "Prefix or id of the token, slug or id of the organization"
    fields = list_display
