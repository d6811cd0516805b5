"""Who owns things, their members and their limits."""

import re
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from orgs.errors import Conflict, Invalid
from orgs.models import Membership, MonthlyUsage, Organization, Redemption, User
from orgs.readonly import AuditedAdmin, ReadOnlyAdmin, ReadOnlyInline
from orgs.services.oversight import (
    LIMITS,
    LONGEST_REASON,
    change_limits,
    extend_trial,
    resume_organization,
    suspend_organization,
)


class MembersInline(ReadOnlyInline):
    model = Membership
    verbose_name_plural = "members"
    fields = ("user", "role", "valid_until", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return super().get_queryset(request).select_related("user", "org")


class UsageInline(ReadOnlyInline):
    model = MonthlyUsage
    verbose_name_plural = "usage"
    fields = ("month", "pictures", "bytes", "evaluations")
    show_change_link = False


class RedemptionsInline(ReadOnlyInline):
    model = Redemption
    verbose_name_plural = "codes redeemed"
    fields = ("code", "redeemed_by", "at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Redemption]:
        return super().get_queryset(request).select_related("code", "redeemed_by", "org")


class OversightForm(ActionForm):
    """What the actions need beside the organizations. It refuses nothing: the services say what is wrong."""

    reason = forms.CharField(
        label="Reason:", required=False, widget=forms.TextInput(attrs={"maxlength": LONGEST_REASON})
    )
    days = forms.CharField(label="Days:", required=False, widget=forms.NumberInput(attrs={"min": 1}))


@admin.register(Organization)
class OrganizationAdmin(AuditedAdmin):
    """Founded with their owner: ``manage.py create_organization``. Name, slug and time zone are their owner's."""

    list_display = ("name", "slug", "time_zone", "device_limit", "trial_ends_at", "suspended_at", "created_at")
    list_filter = ("trial_ends_at", ("suspended_at", admin.EmptyFieldListFilter))
    search_fields = ("name", "slug", "memberships__user__email")
    search_help_text = "Name, slug, or the e-mail address of a member"
    ordering = ("name", "pk")
    fields = ("id", "name", "slug", "time_zone", "created_at", *LIMITS, "trial_ends_at", "suspended_at")
    readonly_fields = ("id", "name", "slug", "time_zone", "created_at", "trial_ends_at", "suspended_at")
    inlines = (MembersInline, UsageInline, RedemptionsInline)
    action_form = OversightForm
    actions = ("suspend", "resume", "extend")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Two organizations may have one name: the title has the slug, too."""
        org = self.get_object(request, object_id)
        title = {"title": f"{org.name} ({org.slug})"} if org else {}
        return super().change_view(request, object_id, form_url, {**title, **(extra_context or {})})

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows would go and the pictures' files stay."""
        return False

    def save_model(self, request: HttpRequest, obj: Organization, form: forms.ModelForm, change: bool) -> None:
        limits = {name: form.cleaned_data[name] for name in LIMITS}
        change_limits(org=obj, acting_user=cast(User, request.user), **limits)

    @admin.action(description="Suspend (with a reason)", permissions=["change"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[Organization]) -> None:
        reason = request.POST.get("reason", "")
        self._do_each(request, queryset, suspend_organization, "Suspended", reason=reason)

    @admin.action(description="End the suspension", permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Organization]) -> None:
        reason = request.POST.get("reason", "")
        self._do_each(request, queryset, resume_organization, "Open again", reason=reason)

    @admin.action(description="Extend the trial (by days)", permissions=["change"])
    def extend(self, request: HttpRequest, queryset: QuerySet[Organization]) -> None:
        text = request.POST.get("days", "").strip()
        days = int(text) if re.fullmatch(r"\d{1,4}", text) else 0
        reason = request.POST.get("reason", "")
        self._do_each(request, queryset, extend_trial, "Trial extended", days=days, reason=reason)

    def _do_each(
        self, request: HttpRequest, queryset: QuerySet[Organization], service: Any, done: str, **wanted: Any
    ) -> None:
        """Call the service for each organization, and say of each what was refused."""
        succeeded = []
        for org in queryset:
            try:
                service(org=org, acting_user=cast(User, request.user), **wanted)
            except (Invalid, Conflict) as refusal:
                self.message_user(request, f"{org}: {refusal}", messages.ERROR)
            else:
                self.log_change(request, org, f"{done}.")
                succeeded.append(str(org))
        if succeeded:
            self.message_user(request, f"{done}: {', '.join(succeeded)}.", messages.SUCCESS)


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    """Given, changed and ended by the organization itself."""

    list_display = ("user", "org", "org__slug", "role", "valid_until", "created_at")
    list_filter = ("role", "valid_until")
    list_select_related = ("user", "org")
    search_fields = ("user__email", "user__name", "org__slug", "org__name")
    search_help_text = "E-mail address or name of the person, slug or name of the organization"
    ordering = ("-pk",)
    fields = ("id", "user", "org", "role", "camera_ids", "history_from", "valid_until", "created_at")
