"""What was taken and what was found are records: looked at here, changed by nobody."""

import uuid
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from captures.calendar.models import CalendarDay, Rejection
from captures.direct import admin as direct
from captures.evaluation.models import Definition, Evaluation, Label
from captures.evaluation.services import retry_failed
from captures.integrity import admin as housekeeping
from captures.leaving.models import Export
from captures.models import Capture, CaptureQuerySet
from captures.retention import admin as retention
from captures.serving import image_response
from orgs.forms import ServiceForm
from orgs.models import User
from orgs.readonly import ArchiveAdmin, ReadOnlyAdmin
from orgs.services.oversight import LONGEST_REASON, has_looked, note_look_with_reason

# Registered with this module, which is the one that Django looks for.
__all__ = ["direct", "housekeeping", "retention"]


class ReasonForm(ServiceForm):
    """Why an operator wants to see a picture."""

    reason = forms.CharField(max_length=LONGEST_REASON, widget=forms.TextInput(attrs={"size": 80}))


@admin.register(Capture)
class CaptureAdmin(ArchiveAdmin):
    """What is known about pictures. One itself is shown to who says why, and the organization can read that."""

    list_display = ("record_id", "device", "org", "captured_at", "evaluation_status", "verdict", "score", "hold")
    list_filter = ("evaluation_status", "verdict", "usable", "hold")
    list_select_related = ("device", "org")
    ids = ("pk", "device", "org")
    texts = ("record_id", "org__slug")
    search_help_text = "Record id, slug of the organization, or id of capture, camera or organization"
    # What the camera told about the picture is shown with the picture.
    fields = (
        "id",
        "picture",
        *(field.name for field in Capture._meta.fields if field.name not in ("id", "metadata")),
    )
    readonly_fields = ("picture",)
    actions = ("retry",)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<uuid:pk>/picture/", wrap(self.picture_view), name="captures_capture_picture"),
            path("<uuid:pk>/picture/image", wrap(self.image_view), name="captures_capture_image"),
            *super().get_urls(),
        ]

    @admin.display(description="picture")
    def picture(self, capture: Capture) -> str:
        if not capture.storage_key:
            return "It was not kept where it was imported from."
        url = reverse("admin:captures_capture_picture", args=[capture.pk])
        return format_html('<a href="{}">Look at it</a> (asks for a reason, which is kept in the audit)', url)

    def picture_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        """Ask why; once that is noted, show the picture until the look is over."""
        capture = self._capture_or_404(request, pk)
        operator = cast(User, request.user)
        form = ReasonForm(request.POST or None)
        if form.is_valid():
            with form.refusals():
                note_look_with_reason(target=capture, acting_user=operator, **form.cleaned_data)
                return redirect("admin:captures_capture_picture", pk)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"The picture {capture}",
            "capture": capture,
            "form": form,
            "may_see": has_looked(target=capture, acting_user=operator, with_reason=True),
        }
        return TemplateResponse(request, "admin/captures/capture/picture.html", context, status=form.status)

    def image_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
        capture = self._capture_or_404(request, pk)
        if not has_looked(target=capture, acting_user=cast(User, request.user), with_reason=True):
            raise PermissionDenied("Say first why you look at this picture.")
        response = image_response(request, capture)
        response["Cache-Control"] = "private, no-store"  # what was shown for a reason is not kept for later
        return response

    def _capture_or_404(self, request: HttpRequest, pk: uuid.UUID) -> Capture:
        capture: Any = self.get_object(request, str(pk))
        if capture is None:
            raise Http404
        if not self.has_view_permission(request, capture):
            raise PermissionDenied
        return cast(Capture, capture)

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


@admin.register(CalendarDay)
class CalendarDayAdmin(ArchiveAdmin):
    """What was expected of cameras and what came, day by day, as the calendar last settled it."""

    list_display = ("day", "device", "org", "expected", "received", "late", "missing", "rejected", "unplanned")
    list_select_related = ("device", "org")
    ids = ("pk", "device", "org")
    texts = ("device__name", "org__slug")
    search_help_text = "Name of the camera, slug of the organization, or id of either"
    fields = ("id", *(field.name for field in CalendarDay._meta.fields if field.name != "id"))


@admin.register(Rejection)
class RejectionAdmin(ArchiveAdmin):
    """Pictures that were refused for what they are, with the reason; kept for 90 days."""

    list_display = ("captured_at", "device", "org", "code", "record_id", "count", "last_at")
    list_filter = ("code",)
    list_select_related = ("device", "org")
    ids = ("pk", "device", "org")
    texts = ("record_id", "device__name", "org__slug")
    search_help_text = "Record id, name of the camera, slug of the organization, or id of either"
    fields = ("id", *(field.name for field in Rejection._meta.fields if field.name != "id"))


@admin.register(Export)
class ExportAdmin(ArchiveAdmin):
    """Who asked for all of an organization, and what became of it. The file itself is for its owners."""

    list_display = ("asked_at", "org", "asked_by", "state", "byte_size", "attempts", "expires_at")
    list_select_related = ("org", "asked_by")
    ids = ("pk", "org")
    texts = ("org__slug",)
    search_help_text = "Slug of the organization, or id of it or of the export"
    fields = ("id", *(field.name for field in Export._meta.fields if field.name != "id"))
