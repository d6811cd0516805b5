"""Which cameras a member may see, and which of what they were told."""

from devices.models import CommandQuerySet, Device, DeviceQuerySet
from orgs.models import Membership


def devices_of(membership: Membership) -> DeviceQuerySet:
    """The cameras of the organization, or those the membership is limited to."""
    devices: DeviceQuerySet = membership.org.devices.all()
    return devices if membership.cameras is None else devices.filter(pk__in=membership.cameras)


def commands_of(membership: Membership, device: Device) -> CommandQuerySet:
    """What a camera was told, as far back as the membership reaches."""
    commands: CommandQuerySet = device.commands.all()
    if membership.history_from is not None:
        commands = commands.filter(created_at__gte=membership.history_from)
    return commands
