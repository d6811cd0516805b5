"""Pages for people: adding and renaming cameras."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from devices.forms.cameras import CameraForm
from devices.services.devices import add_device, rename_device
from devices.views.configuration import configuration_context
from devices.views.keys import key_page
from devices.views.lookups import device_or_404
from devices.vitals import losses_of, vitals_of
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
            return key_page(request, device, key)
    return render(request, "devices/add_camera.html", {"form": form}, status=form.status)


@require_safe
@requires(Role.ADMIN)
def camera_settings(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    device = device_or_404(request, pk)
    keys = list(device.keys.with_usage().newest_first())
    installations = list(device.installations.select_related("unit", "key").order_by("-pk"))
    context = {
        "device": device,
        "keys": keys,
        "being_replaced": {key.replaces_id for key in keys if key.is_waiting},
        **configuration_context(device),
        "vitals": vitals_of(device.status),
        "losses": losses_of(device.status),
        "installations": installations,
        "is_served": any(installation.removed_at is None for installation in installations),
    }
    return render(request, "devices/settings.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.ADMIN)
def rename_camera(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    device = device_or_404(request, pk)
    form = CameraForm(request.POST or None, initial={"name": device.name})
    if form.is_valid():
        with form.refusals():
            rename_device(device=device, acting_user=request.user, **form.cleaned_data)
            messages.success(request, f"The camera is now called {device.name}.")
            return redirect("camera", pk)
    return render(request, "devices/rename_camera.html", {"form": form, "device": device}, status=form.status)
