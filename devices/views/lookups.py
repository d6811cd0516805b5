"""The camera that a page is about."""

import uuid

from django.shortcuts import get_object_or_404

from devices.access import devices_of
from devices.models import Device
from orgs.access import MemberRequest


def device_or_404(request: MemberRequest, pk: uuid.UUID) -> Device:
    """Return the camera of that id with its status, if the member may see it."""
    return get_object_or_404(devices_of(request.membership).select_related("status"), pk=pk)
