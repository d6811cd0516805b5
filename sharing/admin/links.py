"""Links to pictures: found by how their tokens begin. A whole token opens the link, so it is not shown here."""

import contextlib
import uuid
from collections.abc import Callable
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth import get_permission_codename
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from orgs.errors import Invalid
from orgs.models import User
from orgs.readonly import ReadOnlyAdmin, ReadOnlyInline
from orgs.services.oversight import LONGEST_REASON
from sharing.models import LinkDay, LinkReport, LinkState, ShareLink
from sharing.opening import states_of
from sharing.services.reports import resume_link, suspend_link

OPENS_IT = ("token", "password_hash")


class DaysInline(ReadOnlyInline):
    """How often it was looked at. Who looked is not known here either."""

    model = LinkDay
    verbose_name_plural = "days"
    fields = ("day", "views", "visitors", "refused_passwords")
    ordering = ("-day",)
    show_change_link = False


class ReportsInline(ReadOnlyInline):
    model = LinkReport
    verbose_name_plural = "reports"
    fields = ("created_at", "reason", "text", "settled_at")


class ReasonForm(ActionForm):
    """What the actions need beside the links. It refuses nothing: the services say what is wrong."""

    reason = forms.CharField(
        label="Reason:", required=False, widget=forms.TextInput(attrs={"maxlength": LONGEST_REASON})
    )


class ReportedFilter(admin.SimpleListFilter):
    title = "open reports"
    parameter_name = "reported"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Reported, and not settled")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ShareLink]) -> QuerySet[ShareLink]:
        is_reported = Exists(LinkReport.unscoped.filter(link=OuterRef("pk"), settled_at=None))
        return queryset.filter(is_reported) if self.value() == "yes" else queryset


class LinkList(ChangeList):
    """A page of links with the state of each, which is asked for all of them at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        states = states_of(self.result_list, at=timezone.now())
        for link in self.result_list:
            link.state = states[link.pk]


@admin.register(ShareLink)
class ShareLinkAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "kind", "device", "org", "state", "expires_at", "view_count", "last_viewed_at")
    list_filter = (
        "kind",
        ReportedFilter,
        ("suspended_at", admin.EmptyFieldListFilter),
        ("revoked_at", admin.EmptyFieldListFilter),
        "expires_at",
    )
    list_select_related = ("device", "org")
    search_fields = ("token", "org__slug", "pk", "device")
    search_help_text = "How the token begins, the link itself, slug of the organization, or id of link or camera"
    ordering = ("-pk",)
    fields = (
        "id",
        "begins_with",
        "state",
        *(field.name for field in ShareLink._meta.fields if field.name not in ("id", *OPENS_IT)),
        "asks_for_password",
    )
    inlines = (ReportsInline, DaysInline)
    action_form = ReasonForm
    actions = ("suspend", "resume")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return LinkList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ShareLink], search_term: str
    ) -> tuple[QuerySet[ShareLink], bool]:
        text = search_term.strip()
        if not text:
            return queryset, False
        token = text.rpartition("/s/")[2].partition("/")[0]  # who reports a link sends the whole address
        wanted = Q(token__startswith=token) | Q(org__slug=text)
        with contextlib.suppress(ValueError):
            named = uuid.UUID(text)
            wanted |= Q(pk=named) | Q(device=named)
        return queryset.filter(wanted), False

    @admin.display
    def state(self, link: ShareLink) -> str:
        known: LinkState | None = getattr(link, "state", None)
        return str((known or states_of([link], at=timezone.now())[link.pk]).label)

    @admin.display(description="token begins with")
    def begins_with(self, link: ShareLink) -> str:
        return str(link)

    @admin.display(boolean=True)
    def asks_for_password(self, link: Any) -> bool:
        return bool(link.password_hash)

    def has_suspend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.{get_permission_codename('change', self.opts)}")

    @admin.action(description="Suspend (with a reason)", permissions=["suspend"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[ShareLink]) -> None:
        self._do_each(request, queryset, suspend_link, "Suspended")

    @admin.action(description="Let open again", permissions=["suspend"])
    def resume(self, request: HttpRequest, queryset: QuerySet[ShareLink]) -> None:
        self._do_each(request, queryset, resume_link, "Suspended no more")

    def _do_each(
        self, request: HttpRequest, queryset: QuerySet[ShareLink], service: Callable[..., None], done: str
    ) -> None:
        """Call the service for each link with the reason that was given, which is one for all of them."""
        reason, links = request.POST.get("reason", ""), list(queryset)
        try:
            for link in links:
                service(link=link, acting_user=cast(User, request.user), reason=reason)
                self.log_change(request, link, f"{done}.")
        except Invalid as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
        else:
            self.message_user(request, f"{done}: {', '.join(map(str, links))}.", messages.SUCCESS)
