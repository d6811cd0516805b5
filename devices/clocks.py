"""The clock a camera goes by: its own time zone, else its organization's, else UTC."""

from zoneinfo import ZoneInfo

from devices.models import Device
from orgs.zones import find_zone, first_known


def clock_of(device: Device) -> ZoneInfo:
    """The zone the camera is in. One that was chosen and is not known any more is passed over."""
    return first_known(device.time_zone, device.org.time_zone)


def zone_of(device: Device) -> str:
    """The name of :func:`clock_of`."""
    return str(clock_of(device))


def lost_zone(device: Device) -> str:
    """A sentence for people when the zone that was chosen is not known any more, and another is used; else ""."""
    chosen = device.time_zone or device.org.time_zone
    if find_zone(chosen) is not None:
        return ""
    used = zone_of(device)
    instead = f"the organization's, {used}," if find_zone(device.org.time_zone) else used
    return f"This computer does not know the time zone {chosen} any more; {instead} is used instead."
