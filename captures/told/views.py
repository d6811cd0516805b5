"""How far it is with the picture that somebody asked a camera for."""

import uuid
from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from captures.fragments import small_fragment
from captures.told.pictures import newest_by_hand, told_lately
from devices.access import devices_of
from devices.models import Device
from orgs.access import MemberRequest, requires
from orgs.models import Role


@require_safe
@requires(Role.VIEWER)
def told_live(request: MemberRequest, pk: uuid.UUID) -> HttpResponseBase:
    """The same as on the camera's page as a fragment, asked for while it is looked at; 304 while unchanged."""
    device = get_object_or_404(devices_of(request.membership).select_related("status"), pk=pk)
    return small_fragment(request, "captures/_told.html", {"device": device, **told_context(request, device)})


def told_context(request: MemberRequest, device: Device) -> dict[str, Any]:
    """What the camera's page needs of it."""
    return {
        "told": newest_by_hand(request.membership, device),
        "lately": told_lately(request.membership, device),
        "may_trigger": Role(request.membership.role).covers(Role.MEMBER),
    }
