"""Pages on which a link is made: of a camera, of a span of days, of one picture; with a preview."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from captures.access import captures_of
from captures.models import Capture
from devices.access import devices_of
from devices.models import Device
from orgs.access import MemberRequest, requires
from orgs.models import Role
from sharing.access import policy_of, refuse_sharing
from sharing.forms.links import ShareForm
from sharing.models import LinkKind
from sharing.previewing import draw_preview, in_our_frame, query_of, shows_frame
from sharing.services.links import create_link, draft_link

# What a page that leads here may say of what is meant.
ASKABLE = ("kind", "range_from", "range_until")


@shows_frame
@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.MEMBER)
def share_camera(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """All of a camera, a span of days (``?kind=range&range_from=…&range_until=…``) or the latest picture."""
    return _form_page(request, _device_or_404(request, pk))


@shows_frame
@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.MEMBER)
def share_capture(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    capture = _capture_or_404(request, pk)
    return _form_page(request, capture.device, capture)


@in_our_frame
@require_safe
@requires(Role.MEMBER)
def preview_camera(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """What visitors would see of the link that the query describes as the form does."""
    return _preview(request, _device_or_404(request, pk))


@in_our_frame
@require_safe
@requires(Role.MEMBER)
def preview_capture(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    capture = _capture_or_404(request, pk)
    return _preview(request, capture.device, capture)


def _form_page(request: MemberRequest, device: Device, capture: Capture | None = None) -> HttpResponse:
    policy = policy_of(request.membership.org)
    refuse_sharing(request.membership, device, policy)
    form = _form(request, device, capture, request.POST if request.method == "POST" else None)
    if form.is_valid() and "preview" not in request.POST:
        with form.refusals():
            wanted = _wanted(form, device, capture)
            link = create_link(membership=request.membership, password=form.cleaned_data["password"], **wanted)
            messages.success(request, "Shared. Whoever gets this link may look.")
            return redirect("share-link", link.pk)
    here = "preview-share-capture" if capture else "preview-share-camera"
    context = {
        "form": form,
        "device": device,
        "capture": capture,
        "policy": policy,
        "preview_url": reverse(here, args=[capture.pk if capture else device.pk]),
        "preview_query": query_of(form),
    }
    return render(request, "sharing/share.html", context, status=form.status)


def _preview(request: MemberRequest, device: Device, capture: Capture | None = None) -> HttpResponse:
    form = _form(request, device, capture, request.GET)
    return draw_preview(
        request, form, lambda: draft_link(membership=request.membership, **_wanted(form, device, capture))
    )


def _form(request: MemberRequest, device: Device, capture: Capture | None, data: Any) -> ShareForm:
    asked = {name: request.GET[name] for name in ASKABLE if name in request.GET}
    policy = policy_of(request.membership.org)
    return ShareForm(data, policy=policy, device=device, is_one_picture=capture is not None, initial=asked)


def _wanted(form: ShareForm, device: Device, capture: Capture | None) -> dict[str, Any]:
    shown = {"kind": LinkKind.CAPTURE, "capture": capture} if capture else form.shown()
    return {"device": device, **shown, **form.terms()}


def _device_or_404(request: MemberRequest, pk: uuid.UUID) -> Device:
    return get_object_or_404(devices_of(request.membership).select_related("org"), pk=pk)


def _capture_or_404(request: MemberRequest, pk: uuid.UUID) -> Capture:
    return get_object_or_404(captures_of(request.membership).pictured().select_related("device__org"), pk=pk)
