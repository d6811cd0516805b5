"""The page where a camera with a label is claimed, as a new camera or as new hardware of one that is there."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from devices.access import devices_of
from devices.forms.claims import ClaimForm
from devices.models import Device
from devices.services.claims import claim_unit
from orgs.access import MemberRequest, requires
from orgs.models import Role


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.ADMIN)
def claim(request: MemberRequest) -> HttpResponse:
    initial = {name: request.GET.get(name, "") for name in ("code", "camera")}
    sent = (request.POST, request.FILES) if request.method == "POST" else ()
    form = ClaimForm(*sent, devices=devices_of(request.membership), initial=initial)
    if form.is_valid():
        with form.refusals():
            device = _claim(request, form)
            messages.success(
                request, f"{device} is yours. Its hardware fetches its key by itself once it is online."
            )
            return redirect("camera-settings", device.pk)
    return render(request, "devices/claim.html", {"form": form}, status=form.status)


def _claim(request: MemberRequest, form: ClaimForm) -> Device:
    sent = form.cleaned_data
    return claim_unit(
        org=request.membership.org,
        claim=sent["label"],
        name=sent["name"],
        device=sent["camera"],
        acting_user=request.user,
    )
