"""The page where a camera with a label is claimed, as a new camera or as new hardware of one that is there."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from devices.access import devices_of
from devices.forms.claims import ClaimForm
from devices.models import Device
from devices.services.claims import claim_camera, replace_hardware
from orgs.access import MemberRequest, requires
from orgs.models import Role


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.ADMIN)
def claim(request: MemberRequest) -> HttpResponse:
    initial = {name: request.GET.get(name, "") for name in ("code", "camera")}
    form = ClaimForm(request.POST or None, devices=devices_of(request.membership), initial=initial)
    if form.is_valid():
        with form.refusals():
            device = _claim(request, form)
            messages.success(
                request, f"{device} is yours. Its hardware fetches its key by itself once it is online."
            )
            return redirect("camera-settings", device.pk)
    return render(request, "devices/claim.html", {"form": form}, status=form.status)


def _claim(request: MemberRequest, form: ClaimForm) -> Device:
    sent, user = form.cleaned_data, request.user
    if sent["camera"] is None:
        org = request.membership.org
        return claim_camera(org=org, claim=sent["code"], name=sent["name"], acting_user=user)
    device: Device = sent["camera"]
    replace_hardware(device=device, claim=sent["code"], acting_user=user)
    return device
