"""Hardware: made here with labels to print, given new codes, retired."""

from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.cache import add_never_cache_headers

from devices.labels import sheet_context, why_labels_lead_nowhere
from devices.models import Installation, Unit
from devices.services.labels import Label
from devices.services.units import (
    LONGEST_MODEL,
    MOST_DAYS,
    MOST_UNITS,
    UnitInUse,
    make_units,
    renew_code,
    retire_unit,
    revoke_code,
)
from orgs.forms import ServiceForm
from orgs.models import User
from orgs.readonly import CappedAdmin, ReadOnlyAdmin


class UnitsForm(ServiceForm):
    model = forms.CharField(max_length=LONGEST_MODEL, widget=forms.TextInput(attrs={"autofocus": True}))
    count = forms.IntegerField(label="How many", min_value=1, max_value=MOST_UNITS, initial=14)
    code_days = forms.IntegerField(
        label="Days until the codes expire", min_value=1, max_value=MOST_DAYS, initial=365, required=False
    )


@admin.register(Unit)
class UnitAdmin(CappedAdmin):
    """Units belong to no organization, so what is done to them stands in the admin's own log."""

    list_display = ("serial", "model", "state", "code_expires_at", "code_revoked_at", "created_at")
    list_filter = ("state", "code_expires_at", ("code_revoked_at", admin.EmptyFieldListFilter))
    search_fields = ("serial", "model")
    search_help_text = "Serial or model"
    ordering = ("-pk",)
    # Not the digest nor its pepper: nobody needs to see what only a machine compares.
    fields = ("id", *list_display, "reported_model", "version")
    readonly_fields = fields
    actions = ("renew", "revoke", "retire")
    change_list_template = "admin/devices/unit/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        make = self.admin_site.admin_view(self.make_view)
        return [path("make/", make, name="devices_unit_make"), *super().get_urls()]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """They are made by the dozen, on a page of its own."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_make_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("devices.add_unit")

    def has_govern_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("devices.change_unit")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        may_make = {"may_make": self.has_make_permission(request)}
        return super().changelist_view(request, {**may_make, **(extra_context or {})})

    def make_view(self, request: HttpRequest) -> HttpResponse:
        """Ask how many; then show the labels, this once."""
        if not self.has_make_permission(request):
            raise PermissionDenied("Making units needs the permission to add them.")
        form = UnitsForm(request.POST or None)
        if form.is_valid():
            with form.refusals(), transaction.atomic():
                labels = make_units(**form.cleaned_data)
                for label in labels:
                    self.log_addition(request, label.unit, "Made.")
                return self._label_page(request, labels)
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": "Make units", "form": form}
        if warning := why_labels_lead_nowhere():
            messages.warning(request, warning)
        return TemplateResponse(request, "admin/devices/unit/make.html", context, status=form.status)

    @admin.action(
        description="Give a new code and print the labels (not while a camera is served)", permissions=["govern"]
    )
    def renew(self, request: HttpRequest, queryset: QuerySet[Unit]) -> HttpResponse | None:
        labels = []
        for unit in queryset:
            try:
                labels.append(renew_code(unit=unit))
            except UnitInUse as refusal:
                self.message_user(request, str(refusal), messages.ERROR)
            else:
                self.log_change(request, unit, "New code.")
        return self._label_page(request, labels) if labels else None

    @admin.action(description="Revoke the codes of the selected units", permissions=["govern"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Unit]) -> None:
        revoked = [unit for unit in queryset if revoke_code(unit=unit)]
        for unit in revoked:
            self.log_change(request, unit, "Code revoked.")
        self.message_user(request, f"Codes revoked: {len(revoked)}.", messages.SUCCESS)

    @admin.action(description="Retire the selected units; their keys end at once", permissions=["govern"])
    def retire(self, request: HttpRequest, queryset: QuerySet[Unit]) -> None:
        retired = [unit for unit in queryset if retire_unit(unit=unit, acting_user=cast(User, request.user))]
        for unit in retired:
            self.log_change(request, unit, "Retired.")
        self.message_user(request, f"Retired: {len(retired)}.", messages.SUCCESS)

    def _label_page(self, request: HttpRequest, labels: Sequence[Label]) -> HttpResponse:
        """Show codes the only time there is: the page is not to be kept by a browser, nor by anything between."""
        context = {
            **self.admin_site.each_context(request),
            **sheet_context(labels),
            "opts": self.opts,
            "title": f"Labels: {len(labels)}",
        }
        response = TemplateResponse(request, "admin/devices/unit/labels.html", context)
        add_never_cache_headers(response)
        return response


@admin.register(Installation)
class InstallationAdmin(ReadOnlyAdmin):
    """Which unit served which camera, and when. Organizations claim; a unit is retired in the list of units."""

    list_display = ("unit", "device", "org", "installed_at", "installed_by", "removed_at")
    list_filter = (("removed_at", admin.EmptyFieldListFilter), "installed_at")
    list_select_related = ("unit", "device", "org", "installed_by")
    search_fields = ("unit__serial", "unit__model", "device__name", "device__id", "org__slug")
    search_help_text = "Serial or model of the unit, name or id of the camera, slug of the organization"
    ordering = ("-pk",)
    fields = ("id", *list_display, "key")
