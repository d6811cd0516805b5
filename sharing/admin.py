"""Links to pictures: found by how their tokens begin. A whole token opens the link, so it is not shown here."""

import contextlib
import uuid
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from orgs.readonly import ReadOnlyAdmin
from sharing.models import ShareLink
from sharing.opening import states_of

OPENS_IT = ("token", "password_hash")


@admin.register(ShareLink)
class ShareLinkAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "kind", "device", "org", "state", "expires_at", "view_count", "last_viewed_at")
    list_filter = ("kind", ("revoked_at", admin.EmptyFieldListFilter), "expires_at")
    list_select_related = ("device", "org")
    search_fields = ("token", "org__slug", "pk", "device")
    search_help_text = "How the token begins, slug of the organization, or id of link or camera"
    ordering = ("-pk",)
    fields = (
        "id",
        "begins_with",
        "state",
        *(field.name for field in ShareLink._meta.fields if field.name not in ("id", *OPENS_IT)),
        "asks_for_password",
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ShareLink], search_term: str
    ) -> tuple[QuerySet[ShareLink], bool]:
        text = search_term.strip()
        if not text:
            return queryset, False
        wanted = Q(token__startswith=text) | Q(org__slug=text)
        with contextlib.suppress(ValueError):
            named = uuid.UUID(text)
            wanted |= Q(pk=named) | Q(device=named)
        return queryset.filter(wanted), False

    @admin.display
    def state(self, link: ShareLink) -> str:
        return str(states_of(link.org, [link], at=timezone.now())[link.pk].label)

    @admin.display(description="token begins with")
    def begins_with(self, link: ShareLink) -> str:
        return str(link)

    @admin.display(boolean=True)
    def asks_for_password(self, link: Any) -> bool:
        return bool(link.password_hash)
