"""Housekeeping, for operators: what the nightly jobs did, will do, and found."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from captures.integrity.models import HousekeepingRun, IntegrityFinding
from captures.integrity.overview import jobs, outcome_of, would_do
from captures.integrity.runs import INTEGRITY, PRUNE, SWEEP
from orgs.readonly import ArchiveAdmin, CappedPaginator


@admin.register(HousekeepingRun)
class HousekeepingRunAdmin(ArchiveAdmin):
    """Above the list stands each job: when it ran last, and when it runs next."""

    list_display = ("day", "job", "subject", "state", "started_at", "finished_at", "outcome")
    list_filter = ("job", "day")
    ids = ("pk",)
    texts = ("subject", "job")
    search_help_text = "Id of the organization that was pruned, or prune, sweep, integrity"
    fields = ("id", *(field.name for field in HousekeepingRun._meta.fields if field.name != "id"))
    change_list_template = "admin/captures/housekeepingrun/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        would = self.admin_site.admin_view(self.would_view)
        return [path("would/<slug:job>/", would, name="captures_housekeepingrun_would"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        context = {"title": "Housekeeping", "jobs": jobs(timezone.now()), "wrong": self._wrong()}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def would_view(self, request: HttpRequest, job: str) -> HttpResponse:
        """What the job would do, counted now: of a large archive that takes a while."""
        if job not in (PRUNE, SWEEP, INTEGRITY):
            raise Http404
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"What {job} would do",
            "lines": list(would_do(job, timezone.now())),
        }
        return TemplateResponse(request, "admin/captures/housekeepingrun/would.html", context)

    @admin.display(description="what came of it")
    def outcome(self, run: HousekeepingRun) -> str:
        return outcome_of(run)

    @staticmethod
    def _wrong() -> int:
        """No further than lists are counted: more is no other news."""
        return IntegrityFinding.unscoped.order_by()[: CappedPaginator.most].count()


@admin.register(IntegrityFinding)
class IntegrityFindingAdmin(ArchiveAdmin):
    """Pictures whose bytes are missing or damaged. Gone once the bytes are put back."""

    list_display = ("found_at", "problem", "capture", "org", "seen_at", "detail")
    list_filter = ("problem",)
    list_select_related = ("capture", "org")
    ids = ("pk", "capture", "org", "capture__device")
    texts = ("org__slug", "capture__record_id")
    search_help_text = "Record id, slug of the organization, or id of capture, camera or organization"
    fields = ("id", *(field.name for field in IntegrityFinding._meta.fields if field.name != "id"))
