from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from orgs.models import AuditEntry, User
from orgs.readonly import ArchiveAdmin


@admin.register(AuditEntry)
class AuditEntryAdmin(ArchiveAdmin):
    """What was done. The database itself refuses to change it."""

    list_display = ("at", "org", "actor_name", "action", "target_name", "reason", "ip")
    list_filter = ("at", "actor_kind")
    list_select_related = ("org",)
    ids = ("pk", "org", "actor_id", "device_id")
    texts = ("request_id", "org__slug")
    search_help_text = (
        "E-mail address of who did it, request id, slug of the organization, "
        "or id of organization, person or camera"
    )
    fields = (
        "id",
        "org",
        "at",
        "action",
        "actor_kind",
        "actor_id",
        "actor_name",
        "target_kind",
        "target_id",
        "target_name",
        "device_id",
        "before",
        "after",
        "reason",
        "ip",
        "request_id",
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if "@" in search_term:
            person = User.objects.filter(email=search_term.strip().lower()).first()
            return queryset.filter(actor_id=person.pk) if person else queryset.none(), False
        return super().get_search_results(request, queryset, search_term)
