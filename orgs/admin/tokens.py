"""Personal API tokens. Their text was shown once, to their owner; here they are found by its prefix."""

from django.contrib import admin

from orgs.models import ApiToken, ApiTokenUsage, User
from orgs.readonly import AccessKeyAdmin, ArchiveAdmin
from orgs.services.tokens import revoke_token


@admin.register(ApiToken)
class ApiTokenAdmin(AccessKeyAdmin):
    list_display = ("prefix", "name", "user", "org", "access", "state", "created_at", "expires_at", "last_used_at")
    list_filter = ("access", ("revoked_at", admin.EmptyFieldListFilter), "expires_at", "last_used_at")
    list_select_related = ("user", "org")
    search_fields = ("prefix", "user__email", "org__slug")
    search_help_text = "Prefix of the token, e-mail address of its owner, slug of the organization"
    fields = ("id", "org", "user", "name", "access", "networks", *AccessKeyAdmin.of_each_key)

    def revoke_one(self, key: ApiToken, *, acting_user: User) -> None:
        revoke_token(token=key, acting_user=acting_user)


@admin.register(ApiTokenUsage)
class ApiTokenUsageAdmin(ArchiveAdmin):
    list_display = ("day", "key", "org", "requests", "pictures", "bytes")
    list_filter = ("day",)
    list_select_related = ("key", "org")
    ids = ("key", "org")
    texts = ("key__prefix", "org__slug")
    search_help_text = "Prefix or id of the token, slug or id of the organization"
    fields = list_display
