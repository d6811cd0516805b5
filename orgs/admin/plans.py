"""Activation codes, and what was used, warned of and redeemed."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from orgs.errors import Invalid
from orgs.models import ActivationCode, LimitWarning, MonthlyUsage, Redemption, User
from orgs.readonly import ArchiveAdmin, CappedAdmin, ReadOnlyAdmin
from orgs.services.plans import make_activation_code, refuse_impossible, revoke_activation_code

GIVEN = ("device_slots", "free_months", "trial_days", "max_uses", "valid_until", "email_domains", "note")


class CodeForm(forms.ModelForm):
    email_domains = forms.CharField(
        required=False,
        help_text="Like example.org, separated by spaces or commas. Only people with a verified address of one of "
        "them can redeem the code; empty: anybody.",
    )

    class Meta:
        model = ActivationCode
        fields = GIVEN

    def clean_email_domains(self) -> list[str]:
        return str(self.cleaned_data["email_domains"]).lower().replace(",", " ").split()

    def clean(self) -> dict[str, Any] | None:
        """Ask the service's own rules, too, so that they are told on the form."""
        cleaned = super().clean()
        if not self.errors:
            try:
                refuse_impossible(ActivationCode(**self.cleaned_data))
            except Invalid as refusal:
                raise forms.ValidationError(str(refusal)) from refusal
        return cleaned


@admin.register(ActivationCode)
class ActivationCodeAdmin(CappedAdmin):
    """A code is made here and its text shown once; afterwards it can be revoked, not changed.

    It belongs to no organization, so its making and its end stand in the admin's own log.
    """

    form = CodeForm
    list_display = ("__str__", "note", *GIVEN[:4], "uses", "valid_until", "revoked_at", "created_by", "created_at")
    list_filter = ("valid_until", ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related = ("created_by",)
    search_fields = ("hint", "note")
    search_help_text = "Beginning of the code, note"
    ordering = ("-pk",)
    actions = ("revoke",)

    def get_fields(self, request: HttpRequest, obj: ActivationCode | None = None) -> Any:
        shown = ("id", "hint", *GIVEN, "uses", "created_by", "created_at", "revoked_at")
        return GIVEN if obj is None else shown

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who redeemed it refers to it."""
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("orgs.change_activationcode")

    def save_model(self, request: HttpRequest, obj: ActivationCode, form: forms.ModelForm, change: bool) -> None:
        given = {name: form.cleaned_data[name] for name in GIVEN}
        code, text = make_activation_code(acting_user=cast(User, request.user), **given)
        obj.pk, obj.hint = code.pk, code.hint
        self.message_user(request, f"The code, shown this once: {text}", messages.WARNING)

    @admin.action(description="Revoke the selected codes, for good", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ActivationCode]) -> None:
        revoked = [code for code in queryset if revoke_activation_code(code=code)]
        for code in revoked:
            self.log_change(request, code, "Revoked.")
        self.message_user(request, f"Codes revoked: {len(revoked)}.", messages.SUCCESS)


@admin.register(Redemption)
class RedemptionAdmin(ReadOnlyAdmin):
    list_display = ("at", "org", "code", "redeemed_by")
    list_filter = ("at",)
    list_select_related = ("org", "code", "redeemed_by")
    search_fields = ("code__hint", "org__slug", "redeemed_by__email")
    search_help_text = "Beginning of the code, slug of the organization, e-mail address of who redeemed it"
    ordering = ("-pk",)
    fields = ("id", "org", "code", "redeemed_by", "at")


@admin.register(MonthlyUsage)
class MonthlyUsageAdmin(ArchiveAdmin):
    list_display = ("month", "org", "pictures", "bytes", "evaluations")
    list_filter = ("month",)
    list_select_related = ("org",)
    ids = ("org",)
    texts = ("org__slug",)
    search_help_text = "Slug or id of the organization"
    fields = list_display


@admin.register(LimitWarning)
class LimitWarningAdmin(ArchiveAdmin):
    list_display = ("created_at", "org", "limit", "percent", "period")
    list_filter = ("limit", "percent")
    list_select_related = ("org",)
    ids = ("org",)
    texts = ("org__slug",)
    search_help_text = "Slug or id of the organization"
    fields = list_display
