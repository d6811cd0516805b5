"""Which cameras a member may see."""

from devices.models import DeviceQuerySet
from orgs.models import Membership


def devices_of(membership: Membership) -> DeviceQuerySet:
    """The cameras of the organization, or those the membership is limited to."""
    devices: DeviceQuerySet = membership.org.devices.all()
    return devices if membership.cameras is None else devices.filter(pk__in=membership.cameras)
