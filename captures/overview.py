"""The cameras at a glance: what each saw last and how it is. The page asks for it anew while it is looked at."""

import uuid
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from captures.access import captures_of
from captures.fragments import fragment
from captures.models import Capture
from captures.services import newest_of_each
from devices.access import devices_of
from devices.health import Condition, Light, condition_of, with_condition
from devices.models import Device
from orgs.access import MemberRequest, requires
from orgs.models import Role

NOT_WELL = "not-well"


class Glance(NamedTuple):
    """A camera with its newest picture, the newest of which there is a thumbnail, and how it is."""

    device: Device
    newest: Capture | None
    pictured: Capture | None
    condition: Condition


@require_safe
@requires(Role.VIEWER)
def cameras_live(request: MemberRequest) -> HttpResponseBase:
    """The cameras as a fragment; 304 while nothing about them changed."""
    return _fragment(request, "captures/_cameras.html", cameras_context(request))


@require_safe
@requires(Role.VIEWER)
def condition_live(request: MemberRequest, pk: uuid.UUID) -> HttpResponseBase:
    """How one camera is as a fragment; 304 while it stays as it is."""
    device = get_object_or_404(with_condition(devices_of(request.membership)), pk=pk)
    return _fragment(request, "devices/_condition.html", condition_context(device))


def condition_context(device: Device) -> dict[str, Any]:
    """What ``devices/_condition.html`` needs. The camera comes from ``with_condition``."""
    return {"device": device, "condition": condition_of(device, timezone.now())}


def cameras_context(request: MemberRequest) -> dict[str, Any]:
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


def _fragment(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponseBase:
    """The fragment under an entity tag of its text: rendering a few cameras costs less than what it shows."""
    page = render(request, template, context)
    return fragment(request, shown=page.content, render=lambda: page)
