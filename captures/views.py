"""Pages for people: the timeline, one picture, the cameras with what they saw, what is normal there."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.forms import model_to_dict
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from captures.access import captures_of
from captures.evaluation.teaching import change_definition, label_capture, learn_again
from captures.forms import DefinitionForm, LabelForm, TimelineFilter
from captures.fragments import fragment
from captures.hardware import note_hardware
from captures.models import Capture
from captures.overview import cameras_context, condition_context
from captures.picture_urls import signing_window
from captures.serving import image_response, signed_response, thumbnail_response
from captures.told.views import told_context
from devices.access import devices_of
from devices.health import with_condition
from devices.models import Device
from orgs.access import MemberRequest, requires
from orgs.keyset import Position, newest_page
from orgs.models import Role

# Divides by two, three, four and six columns.
PAGE_SIZE = 24
RECENT = 12
VERSIONS_SHOWN = 20


@require_safe
@requires(Role.VIEWER)
def timeline(request: MemberRequest) -> HttpResponse:
    context = _timeline_context(request)
    context["has_cameras"] = _has_cameras(request, context)
    return render(request, "captures/timeline.html", context, status=200 if context["form"].is_valid() else 400)


@require_safe
@requires(Role.VIEWER)
def timeline_live(request: MemberRequest) -> HttpResponseBase:
    """The newest pictures as a fragment, asked for every two seconds; 304 while nothing about them changed."""
    context = _timeline_context(request)

    def draw() -> HttpResponse:
        context["has_cameras"] = _has_cameras(request, context)
        return render(request, "captures/_timeline.html", context)

    return fragment(request, shown=_shown(context["captures"]), render=draw)


@require_safe
@requires(Role.VIEWER)
def capture(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    return _capture_page(request, _capture_or_404(request, pk), LabelForm())


@require_safe
@requires(Role.VIEWER)
def capture_live(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """What is known about a picture as a fragment, asked for while it is being judged."""
    context = _capture_context(request, _capture_or_404(request, pk))
    return render(request, "captures/_capture.html", context)


@require_safe
@requires(Role.VIEWER)
def capture_image(request: MemberRequest, pk: uuid.UUID) -> HttpResponseBase:
    row = get_object_or_404(captures_of(request.membership), pk=pk)
    return image_response(request, row, until=request.membership.valid_until)


@require_safe
@requires(Role.VIEWER)
def capture_thumbnail(request: MemberRequest, pk: uuid.UUID) -> HttpResponseBase:
    row = get_object_or_404(captures_of(request.membership), pk=pk)
    return thumbnail_response(request, row, until=request.membership.valid_until)


@login_not_required
@require_safe
def picture(request: HttpRequest, signature: str, ends: int, key: str) -> HttpResponseBase:
    """The file of a signed URL, for whoever holds it."""
    return signed_response(request, signature=signature, ends=ends, key=key)


@require_POST
@requires(Role.MEMBER)
def add_label(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    row = _capture_or_404(request, pk)
    form = LabelForm(request.POST)
    if form.is_valid():
        with form.refusals():
            label_capture(capture=row, acting_user=request.user, **form.cleaned_data)
            messages.success(request, "Thank you, noted.")
            return redirect("capture", pk)
    return _capture_page(request, row, form)


@require_safe
@requires(Role.VIEWER)
def cameras(request: MemberRequest) -> HttpResponse:
    context = {
        **cameras_context(request),
        "retired": devices_of(request.membership).retired().by_name(),
        "may_change": _may(request, Role.ADMIN),
    }
    return render(request, "captures/cameras.html", context)


@require_safe
@requires(Role.VIEWER)
def camera(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    device = get_object_or_404(with_condition(devices_of(request.membership)), pk=pk)
    may_change = _may(request, Role.ADMIN)
    context = {
        **condition_context(device),
        "captures": captures_of(request.membership, device).select_related("device").newest_first()[:RECENT],
        "definition": device.definitions.filter(active=True).first(),
        "may_change": may_change,
        "visant_url": settings.VISANT_URL,
        **told_context(request, device),
    }
    return render(request, "captures/camera.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.ADMIN)
def definition(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    device = _device_or_404(request, pk)
    active = device.definitions.filter(active=True).first()
    form = DefinitionForm(request.POST or None, initial=model_to_dict(active) if active else {})
    if form.is_valid():
        with form.refusals():
            change_definition(device=device, acting_user=request.user, **form.cleaned_data)
            messages.success(request, "Saved. The next pictures are judged by it.")
            return redirect("camera", pk)
    return render(
        request, "captures/definition.html", _definition_context(request, device, form), status=form.status
    )


@require_POST
@requires(Role.ADMIN)
def start_learning(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    learn_again(device=_device_or_404(request, pk), acting_user=request.user)
    messages.success(request, "From now on this camera learns anew.")
    return redirect("camera", pk)


def _device_or_404(request: MemberRequest, pk: uuid.UUID) -> Device:
    return get_object_or_404(devices_of(request.membership).select_related("status"), pk=pk)


def _capture_or_404(request: MemberRequest, pk: uuid.UUID) -> Capture:
    captures = captures_of(request.membership).select_related("device", "definition", "label__created_by")
    return get_object_or_404(captures, pk=pk)


def _may(request: MemberRequest, role: Role) -> bool:
    return Role(request.membership.role).covers(role)


def _timeline_context(request: MemberRequest) -> dict[str, Any]:
    cursor = request.GET.get("cursor", "")
    form = TimelineFilter(request.GET, devices=devices_of(request.membership))
    wanted = form.narrow(captures_of(request.membership).select_related("device").defer("metadata"))
    captures, next_cursor = newest_page(wanted, cursor=cursor, limit=PAGE_SIZE, field="captured_at")
    if form.is_valid() and form.cleaned_data["camera"]:
        until = Position.decode(cursor).moment if cursor else form.end
        note_hardware(captures, form.cleaned_data["camera"], until=until)
    return {
        "form": form,
        "captures": captures,
        "next_cursor": next_cursor,
        "is_first_page": not cursor,
        "is_narrowed": any(request.GET.get(name) for name in form.fields),
        "visant_url": settings.VISANT_URL,
    }


def _has_cameras(request: MemberRequest, context: dict[str, Any]) -> bool:
    return bool(context["captures"]) or devices_of(request.membership).exists()


def _shown(captures: list[Capture]) -> tuple[object, ...]:
    """All that the timeline shows of them; the day is in it for the word "Today"."""
    shown = [
        (row.pk, row.evaluation_status, row.verdict, row.thumbnail_key, row.reason, row.device.name, _noted(row))
        for row in captures
    ]
    return timezone.localdate(), signing_window(), shown


def _noted(row: Capture) -> list[uuid.UUID]:
    return [installation.pk for installation in getattr(row, "installations", ())]


def _capture_page(request: MemberRequest, row: Capture, form: LabelForm) -> HttpResponse:
    captures = captures_of(request.membership, row.device).only("pk", "device")
    context = {
        **_capture_context(request, row),
        "form": form,
        "newer": captures.just_after(row),
        "older": captures.just_before(row),
    }
    return render(request, "captures/capture.html", context, status=form.status)


def _capture_context(request: MemberRequest, row: Capture) -> dict[str, Any]:
    return {
        "capture": row,
        "definition": row.definition or row.device.definitions.filter(active=True).first(),
        "evaluations": list(row.evaluations.order_by("-pk")),
        "may_label": _may(request, Role.MEMBER),
    }


def _definition_context(request: MemberRequest, device: Device, form: DefinitionForm) -> dict[str, Any]:
    versions = device.definitions.select_related("created_by").order_by("-version")
    return {
        "device": device,
        "form": form,
        "capture": captures_of(request.membership, device).pictured().newest_first().first(),
        "versions": versions[:VERSIONS_SHOWN],
    }
