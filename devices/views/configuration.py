"""Pages for people: what a camera is to do, beside what it says it does."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from devices.clocks import lost_zone, zone_of
from devices.differences import seconds_in_words
from devices.forms.configuration import ConfigurationForm
from devices.models import Device
from devices.services.camera_settings import configure_device
from devices.services.desired_configuration import settings_of
from devices.services.reported_configuration import differences_of, is_in_sync
from devices.views.lookups import device_or_404
from orgs.access import MemberRequest, requires
from orgs.models import Role


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.ADMIN)
def configure_camera(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    device = device_or_404(request, pk)
    form = ConfigurationForm(
        request.POST if request.method == "POST" else None,
        initial=_initial(device),
        organization_zone=request.membership.org.time_zone,
    )
    if form.is_valid():
        with form.refusals():
            configure_device(device=device, acting_user=request.user, **form.wanted())
            messages.success(request, "Saved. The camera takes it over when it next asks.")
            return redirect("camera-settings", pk)
    return render(request, "devices/configure.html", {"form": form, "device": device}, status=form.status)


def configuration_context(device: Device) -> dict[str, Any]:
    """What ``devices/_configuration.html`` needs."""
    settings = settings_of(device)
    differences = differences_of(device, device.status)
    return {
        "zone": zone_of(device),
        "lost_zone": lost_zone(device),
        "heartbeat": seconds_in_words(settings["heartbeat_seconds"]),
        "poll": seconds_in_words(settings["poll_seconds"]),
        "picture": settings["picture"],
        "differences": [one for one in differences if not one.pending],
        "pending": [one for one in differences if one.pending],
        "in_sync": is_in_sync(device.status, differences),
    }


def _initial(device: Device) -> dict[str, Any]:
    settings = settings_of(device)
    picture = {f"picture_{name}": value for name, value in settings.pop("picture").items()}
    return {**settings, **picture, "time_zone": device.time_zone}
