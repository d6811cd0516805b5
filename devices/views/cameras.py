"""Pages for people: adding and renaming cameras, making and ending their keys."""

import uuid
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from devices.access import devices_of
from devices.forms.cameras import CameraForm, KeyForm
from devices.models import Device
from devices.services.devices import add_device, rename_device
from devices.services.keys import issue_key, revoke_key
from orgs.access import MemberRequest, requires
from orgs.models import Role


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.ADMIN)
def add_camera(request: MemberRequest) -> HttpResponse:
    form = CameraForm(request.POST or None)
    if form.is_valid():
        with form.refusals():
            device, key = add_device(org=request.membership.org, acting_user=request.user, **form.cleaned_data)
            return _key_page(request, device, key)
    return render(request, "devices/add_camera.html", {"form": form}, status=form.status)


@require_safe
@requires(Role.ADMIN)
def camera_settings(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    device = _device_or_404(request, pk)
    context = {"device": device, "keys": device.keys.with_usage().newest_first()}
    return render(request, "devices/settings.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.ADMIN)
def rename_camera(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    device = _device_or_404(request, pk)
    form = CameraForm(request.POST or None, initial={"name": device.name})
    if form.is_valid():
        with form.refusals():
            rename_device(device=device, acting_user=request.user, **form.cleaned_data)
            messages.success(request, f"The camera is now called {device.name}.")
            return redirect("camera", pk)
    return render(request, "devices/rename_camera.html", {"form": form, "device": device}, status=form.status)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.ADMIN)
def add_key(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    device = _device_or_404(request, pk)
    form = KeyForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        with form.refusals():
            _, key = issue_key(device=device, acting_user=request.user, **form.cleaned_data)
            return _key_page(request, device, key)
    return render(request, "devices/add_key.html", {"form": form, "device": device}, status=form.status)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.ADMIN)
def end_key(request: MemberRequest, pk: uuid.UUID, key_pk: uuid.UUID) -> HttpResponse:
    device = _device_or_404(request, pk)
    key = get_object_or_404(device.keys, pk=key_pk)
    if request.method == "POST":
        revoke_key(key=key, acting_user=request.user)
        messages.success(request, f"The key {key} is revoked.")
        return redirect("camera-settings", pk)
    return render(request, "devices/revoke_key.html", {"device": device, "key": key})


def _device_or_404(request: MemberRequest, pk: uuid.UUID) -> Device:
    return get_object_or_404(devices_of(request.membership), pk=pk)


def _key_page(request: MemberRequest, device: Device, key: str) -> HttpResponse:
    """Show a key the only time there is: the page is not to be kept by a browser, nor by anything between."""
    address = urlsplit(settings.VISANT_URL)
    return render(request, "devices/key.html", {"device": device, "key": key, "address": address})
