"""Pages for people: the cameras at a glance, and one of them. They ask anew how it is while they are looked at."""

import uuid
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from captures.access import captures_of
from captures.fragments import small_fragment
from captures.models import Capture
from captures.services import newest_of_each
from captures.told.views import told_context
from devices.access import devices_of
from devices.health import Condition, Light, condition_of, with_condition
from devices.models import Device
from orgs.access import MemberRequest, requires
from orgs.models import Role

NOT_WELL = "not-well"
# Fills rows of two, three, four and six.
RECENT = 12


class Glance(NamedTuple):
    """A camera with its newest picture, the newest of which there is a thumbnail, and how it is."""

    device: Device
    newest: Capture | None
    pictured: Capture | None
    condition: Condition


@require_safe
@requires(Role.VIEWER)
def cameras(request: MemberRequest) -> HttpResponse:
    context = {
        **_cameras_context(request),
        "retired": devices_of(request.membership).retired().by_name(),
        "may_change": Role(request.membership.role).covers(Role.ADMIN),
    }
    return render(request, "captures/cameras.html", context)


@require_safe
@requires(Role.VIEWER)
def camera(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    device = get_object_or_404(with_condition(devices_of(request.membership)), pk=pk)
    may_change = Role(request.membership.role).covers(Role.ADMIN)
    context = {
        **_condition_context(device),
        "captures": captures_of(request.membership, device).select_related("device").newest_first()[:RECENT],
        "definition": device.definitions.filter(active=True).first(),
        "may_change": may_change,
        "visant_url": settings.VISANT_URL,
        **told_context(request, device),
    }
    return render(request, "captures/camera.html", context)


@require_safe
@requires(Role.VIEWER)
def cameras_live(request: MemberRequest) -> HttpResponseBase:
    """The cameras as a fragment; 304 while nothing about them changed."""
    return small_fragment(request, "captures/_cameras.html", _cameras_context(request))


@require_safe
@requires(Role.VIEWER)
def condition_live(request: MemberRequest, pk: uuid.UUID) -> HttpResponseBase:
    """How one camera is as a fragment; 304 while it stays as it is."""
    device = get_object_or_404(with_condition(devices_of(request.membership)), pk=pk)
    return small_fragment(request, "devices/_condition.html", _condition_context(device))


def _condition_context(device: Device) -> dict[str, Any]:
    """What ``devices/_condition.html`` needs. The camera comes from ``with_condition``."""
    return {"device": device, "condition": condition_of(device, timezone.now())}


def _cameras_context(request: MemberRequest) -> dict[str, Any]:
    """What ``captures/_cameras.html`` needs. Five queries, however many cameras."""
    devices, now = devices_of(request.membership), timezone.now()
    sights = newest_of_each(devices=with_condition(devices.in_service()), captures=captures_of(request.membership))
    glances = [Glance(*sight, condition_of(sight.device, now)) for sight in sights]
    not_well = [glance for glance in glances if glance.condition.state in (Light.BAD, Light.UNKNOWN)]
    is_narrowed = request.GET.get("show") == NOT_WELL
    return {
        "cameras": not_well if is_narrowed else glances,
        "count": len(glances),
        "not_well": len(not_well),
        "is_narrowed": is_narrowed,
    }
