"""How far it is with the picture that somebody asked a camera for."""

import uuid
from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from captures.fragments import fragment
from captures.picture_urls import signing_window
from captures.told.pictures import Told, newest_by_hand, told_lately
from devices.access import devices_of
from devices.models import Device
from orgs.access import MemberRequest, requires
from orgs.models import Role


@require_safe
@requires(Role.VIEWER)
def told_live(request: MemberRequest, pk: uuid.UUID) -> HttpResponseBase:
    """The same as on the camera's page as a fragment, asked for while it is not settled; 304 while unchanged."""
    device = get_object_or_404(devices_of(request.membership).select_related("status"), pk=pk)
    told = newest_by_hand(request.membership, device)
    context = {"device": device, "told": told}
    return fragment(
        request, shown=_shown(device, told), render=lambda: render(request, "captures/_told.html", context)
    )


def told_context(request: MemberRequest, device: Device) -> dict[str, Any]:
    """What the camera's page needs of it."""
    return {
        "told": newest_by_hand(request.membership, device),
        "lately": told_lately(request.membership, device),
        "may_trigger": Role(request.membership.role).covers(Role.MEMBER),
    }


def _shown(device: Device, told: Told | None) -> tuple[object, ...]:
    shown: tuple[object, ...] = (device.name, device.status.listened_at is None)
    if told is not None:
        shown += (told.command.pk, told.sentence, told.is_settled)
        shown += (told.picture.pk, told.picture.thumbnail_key, told.picture.verdict) if told.picture else ()
        shown += (signing_window(),)
    return shown
