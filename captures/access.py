"""Which pictures a member may see."""

from captures.models import CaptureQuerySet
from devices.models import Device
from orgs.models import Membership


def captures_of(membership: Membership, device: Device | None = None) -> CaptureQuerySet:
    """The pictures of the organization, or of one ``device`` of it, as far as the membership's limits reach."""
    captures: CaptureQuerySet = device.captures.all() if device else membership.org.captures.all()
    if membership.cameras is not None:
        captures = captures.filter(device__in=membership.cameras)
    if membership.history_from is not None:
        captures = captures.filter(captured_at__gte=membership.history_from)
    return captures
