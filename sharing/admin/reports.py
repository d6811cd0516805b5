"""What visitors reported: those first that nobody looked at."""

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth import get_permission_codename
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from orgs.readonly import ReadOnlyAdmin
from sharing.models import LinkReport
from sharing.services.reports import settle_report


@admin.register(LinkReport)
class LinkReportAdmin(ReadOnlyAdmin):
    """A link that is suspended settles its reports; one that is found harmless is settled here."""

    list_display = ("created_at", "reason", "of_link", "org", "email", "settled_at")
    list_filter = (("settled_at", admin.EmptyFieldListFilter), "reason")
    list_select_related = ("link", "org")
    search_fields = ("link__token__startswith", "org__slug", "email")
    search_help_text = "How the token begins, slug of the organization, or who reported it"
    ordering = (F("settled_at").desc(nulls_first=True), "-created_at")
    fields = ("id", "of_link", "org", "reason", "text", "email", "created_at", "settled_at")
    actions = ("settle",)

    @admin.display(description="link")
    def of_link(self, report: LinkReport) -> str:
        return format_html(
            '<a href="{}">{}</a>', reverse("admin:sharing_sharelink_change", args=[report.link_id]), report.link
        )

    def has_settle_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.{get_permission_codename('change', self.opts)}")

    @admin.action(description="Settle: looked at, nothing to stop", permissions=["settle"])
    def settle(self, request: HttpRequest, queryset: QuerySet[LinkReport]) -> None:
        settled = [report for report in cast(Any, queryset) if settle_report(report=report)]
        for report in settled:
            self.log_change(request, report, "Settled.")
        self.message_user(request, f"Settled: {len(settled)}.", messages.SUCCESS)
