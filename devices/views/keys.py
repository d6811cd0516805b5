"""Pages for people: making, rotating and ending the keys of a camera."""

import uuid
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from devices.forms.keys import KeyForm, RotationForm
from devices.models import Device, DeviceKey
from devices.services.keys import issue_key, revoke_key, unused_successors
from devices.services.rotation import rotate_key
from devices.views.lookups import device_or_404
from orgs.access import MemberRequest, requires
from orgs.models import Role


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.ADMIN)
def add_key(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    device = device_or_404(request, pk)
    form = KeyForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        with form.refusals():
            _, key = issue_key(device=device, acting_user=request.user, **form.cleaned_data)
            return key_page(request, device, key)
    return render(request, "devices/add_key.html", {"form": form, "device": device}, status=form.status)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.ADMIN)
def end_key(request: MemberRequest, pk: uuid.UUID, key_pk: uuid.UUID) -> HttpResponse:
    device = device_or_404(request, pk)
    key = get_object_or_404(device.keys, pk=key_pk)
    unused = unused_successors(key)
    if request.method == "POST":
        spared = key.replaces if key.is_waiting else None
        revoke_key(key=key, acting_user=request.user)
        with_it = f", and {', '.join(map(str, unused))} with it" if unused else ""
        messages.success(request, f"The key {key} is revoked{with_it}.{_how_it_goes_on(spared)}")
        return redirect("camera-settings", pk)
    return render(request, "devices/revoke_key.html", {"device": device, "key": key, "unused": unused})


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.ADMIN)
def replace_key(request: MemberRequest, pk: uuid.UUID, key_pk: uuid.UUID) -> HttpResponse:
    device = device_or_404(request, pk)
    key = get_object_or_404(device.keys, pk=key_pk)
    form = RotationForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        with form.refusals():
            new = rotate_key(device=device, key=key, acting_user=request.user, **form.cleaned_data)
            messages.success(request, f"The key {new} waits for the camera to fetch it.")
            return redirect("camera-settings", pk)
    context = {"device": device, "key": key, "form": form}
    return render(request, "devices/rotate_key.html", context, status=form.status)


def _how_it_goes_on(spared: DeviceKey | None) -> str:
    """How the key goes on whose successor was revoked."""
    if spared is None:
        return ""
    spared.refresh_from_db()
    if spared.state != "active":
        return ""
    if spared.expires_at is None:
        return f" The key {spared} goes on without an end."
    ends_at = date_format(timezone.localtime(spared.expires_at), "j F Y, H:i")
    return f" The key {spared} ends on {ends_at}, as before."


def key_page(request: MemberRequest, device: Device, key: str) -> HttpResponse:
    """Show a key the only time there is: the page is not to be kept by a browser, nor by anything between."""
    address = urlsplit(settings.VISANT_URL)
    return render(request, "devices/key.html", {"device": device, "key": key, "address": address})
