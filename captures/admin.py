"""What was taken and what was found are records: looked at here, changed by nobody."""

import contextlib
import uuid
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from captures.evaluation.models import Definition, Evaluation, Label
from captures.evaluation.services import retry_failed
from captures.models import Capture, CaptureQuerySet
from orgs.readonly import ReadOnlyAdmin


class CappedPaginator(Paginator):
    """Counts no further than ``most``, so that no list costs more as the archive grows.

    What lies beyond is found by searching and filtering.
    """

    most = 10_000

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: self.most].count())


class ArchiveAdmin(ReadOnlyAdmin):
    """A table without end: not counted, in the order of its key, searched by what identifies a row."""

    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    ordering = ("-pk",)
    sortable_by = ()
    # The fields that an id, and any other text, is compared with.
    ids: ClassVar[tuple[str, ...]]
    texts: ClassVar[tuple[str, ...]]

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return self.ids + self.texts

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Compare exactly: a search for parts of words would read the whole table."""
        text = search_term.strip()
        if not text:
            return queryset, False
        wanted = Q.create([(field, text) for field in self.texts], connector=Q.OR)
        with contextlib.suppress(ValueError):
            wanted |= Q.create([(field, uuid.UUID(text)) for field in self.ids], connector=Q.OR)
        return queryset.filter(wanted), False


@admin.register(Capture)
class CaptureAdmin(ArchiveAdmin):
    list_display = ("record_id", "device", "org", "captured_at", "evaluation_status", "verdict", "score", "hold")
    list_filter = ("evaluation_status", "verdict", "usable", "hold")
    list_select_related = ("device", "org")
    ids = ("pk", "device", "org")
    texts = ("record_id", "org__slug")
    search_help_text = "Record id, slug of the organization, or id of capture, camera or organization"
    fields = ("id", *(field.name for field in Capture._meta.fields if field.name != "id"))
    actions = ("retry",)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("captures.change_capture")

    @admin.action(description="Judge again what failed", permissions=["retry"])
    def retry(self, request: HttpRequest, queryset: CaptureQuerySet) -> None:
        self.message_user(request, f"To be judged again: {retry_failed(captures=queryset)}.", messages.SUCCESS)


@admin.register(Evaluation)
class EvaluationAdmin(ArchiveAdmin):
    list_display = ("at", "capture", "org", "provider", "model", "attempt", "verdict", "error", "latency_ms")
    list_filter = ("verdict", ("error", admin.EmptyFieldListFilter))
    list_select_related = ("capture", "org")
    ids = ("pk", "capture", "org", "capture__device")
    texts = ("capture__record_id", "org__slug")
    search_help_text = "Record id, slug of the organization, or id of evaluation, capture, camera or organization"
    fields = ("id", *(field.name for field in Evaluation._meta.fields if field.name != "id"))


@admin.register(Definition)
class DefinitionAdmin(ReadOnlyAdmin):
    """What pictures were judged by stays as it was; a change is a new version, made by its organization."""

    list_display = ("device", "version", "org", "active", "created_by", "created_at")
    list_filter = ("active", "created_at")
    list_select_related = ("device", "org", "created_by")
    search_fields = ("device__name", "device__id", "org__slug", "text")
    search_help_text = "Name or id of the camera, slug of the organization, words of the text"
    ordering = ("-pk",)
    fields = ("id", *(field.name for field in Definition._meta.fields if field.name != "id"))


@admin.register(Label)
class LabelAdmin(ReadOnlyAdmin):
    list_display = ("capture", "device", "org", "verdict", "reference", "created_by", "created_at")
    list_filter = ("verdict", "reference", "created_at")
    list_select_related = ("capture", "device", "org", "created_by")
    search_fields = ("capture__record_id", "capture__id", "device__name", "org__slug", "created_by__email")
    search_help_text = "Record id or id of the capture, camera, slug of the organization, who said it"
    ordering = ("-pk",)
    fields = ("id", *(field.name for field in Label._meta.fields if field.name != "id"))
