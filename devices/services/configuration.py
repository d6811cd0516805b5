"""What a camera is to do, and what it says it does: desired and reported configuration.

The desired one is made of the camera's settings and of its schedules; its version counts the changes of both.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Prefetch
from django.utils import timezone
from visant_camera.schedule import as_told

from devices.announcements import announce
from devices.differences import Difference, find_differences
from devices.models import Device, DeviceStatus, Schedule, ScheduleRule
from orgs.errors import Invalid
from orgs.storable import NotStorable, refuse_unstorable

DEFAULTS: dict[str, Any] = {
    "heartbeat_seconds": 300,
    "poll_seconds": 300,
    "picture": {"max_width": None, "quality": None},
}
REPORT_LIMIT = 16 * 1024
DEEPEST = 6
LARGEST_VERSION = 2**31 - 1


class InvalidReport(Invalid):
    code = "invalid_report"


def settings_of(device: Device) -> dict[str, Any]:
    """What was set for the camera beside its schedules, with the defaults for the rest."""
    kept = device.configuration
    picture = {**DEFAULTS["picture"], **kept.get("picture", {})}
    return {**DEFAULTS, **kept, "picture": picture}


def zone_of(device: Device) -> str:
    """The time zone the camera is in: its own, else its organization's."""
    return device.time_zone or device.org.time_zone


def desired_configuration(device: Device) -> dict[str, Any]:
    """Return what the camera is to do, as it gets it. Two queries for its schedules, however many there are."""
    wanted = settings_of(device)
    return {
        "version": device.configuration_version,
        "device": {"id": str(device.pk), "name": device.name},
        "time_zone": zone_of(device),
        "heartbeat_seconds": wanted["heartbeat_seconds"],
        "poll_seconds": wanted["poll_seconds"],
        "picture": wanted["picture"],
        "schedules": list(_schedules(device)),
        # Only where it is so: an upload past us, into the bucket (POST /v1/captures/presign).
        **({"direct_upload": True} if settings.DIRECT_UPLOAD else {}),
    }


@transaction.atomic
def bump_configuration(device: Device) -> None:
    """Count a change of what the camera is to do, and tell it. To be called once the change is written."""
    Device.unscoped.filter(pk=device.pk).update(
        configuration_version=F("configuration_version") + 1, configured_at=timezone.now()
    )
    device.refresh_from_db(fields=["configuration_version", "configured_at"])
    status = DeviceStatus.unscoped.select_for_update().filter(device=device).first()
    if status is not None and status.reported_at is not None:
        _note_differences(device, status)
        status.save(update_fields=["differs_since"])
    announce(device.pk)


@transaction.atomic
def report_configuration(*, device: Device, reported: Any) -> DeviceStatus:
    """Keep what the camera says it does. The same again writes nothing. Raises :class:`InvalidReport`."""
    _refuse_report(reported)
    says = {name: value for name, value in reported.items() if name != "key"}  # a secret is none of it
    version = says.pop("version", None)
    status = DeviceStatus.unscoped.select_for_update().get(device=device)
    if status.reported_at is not None and status.reported_configuration == says:
        if status.reported_version != version:
            status.reported_version = version
            status.save(update_fields=["reported_version"])
        return status
    status.reported_configuration, status.reported_version = says, version
    status.reported_at = timezone.now()
    _note_differences(device, status)
    status.save(update_fields=["reported_configuration", "reported_version", "reported_at", "differs_since"])
    return status


def differences_of(device: Device, status: DeviceStatus) -> list[Difference]:
    """Where the camera says otherwise than it is to do, each with since when; none for one that says nothing."""
    if status.reported_at is None:
        return []
    return [
        one._replace(since=_since(status, one))
        for one in find_differences(desired_configuration(device), status.reported_configuration)
    ]


def is_in_sync(status: DeviceStatus, differences: Sequence[Difference]) -> bool:
    """Whether the camera has told what it does, and that is what it is to do; see :func:`differences_of`."""
    return status.reported_at is not None and not differences


def _note_differences(device: Device, status: DeviceStatus) -> None:
    """Keep of each difference when it began: when it came up, or when the camera began to say this there."""
    now = timezone.now().isoformat()
    found = find_differences(desired_configuration(device), status.reported_configuration)
    before = status.differs_since
    status.differs_since = {
        one.about: before[one.about] if _is_the_same(before.get(one.about), one) else {"says": one.says, "at": now}
        for one in found
    }


def _is_the_same(kept: Any, one: Difference) -> bool:
    return kept is not None and kept["says"] == one.says


def _since(status: DeviceStatus, one: Difference) -> datetime | None:
    """When it began; of one that came up by itself, as with the organization's time zone, nobody knows."""
    kept = status.differs_since.get(one.about)
    return datetime.fromisoformat(kept["at"]) if _is_the_same(kept, one) else None


def _schedules(device: Device) -> Iterator[dict[str, Any]]:
    holding = Prefetch("rules", ScheduleRule.unscoped.holding(), to_attr="holding")
    for schedule in device.schedules.kept().filter(enabled=True).order_by("pk").prefetch_related(holding):
        for rule in schedule.holding:
            yield _as_told(schedule, rule)


def _as_told(schedule: Schedule, rule: ScheduleRule) -> dict[str, Any]:
    return {"id": str(schedule.pk), "label": schedule.label, **as_told(rule)}


def _refuse_report(reported: Any) -> None:
    try:
        refuse_unstorable(reported, limit=REPORT_LIMIT)
    except NotStorable as error:
        raise InvalidReport(f"The configuration {error}") from error
    if _is_deeper(reported, DEEPEST):
        raise InvalidReport(f"The configuration is nested deeper than {DEEPEST} levels.")
    version = reported.get("version")
    if version is not None and (type(version) is not int or not 0 <= version <= LARGEST_VERSION):
        raise InvalidReport("version must be the whole number that the configuration came with.")


def _is_deeper(value: Any, levels: int) -> bool:
    """Looks no deeper than that: what is nested without end costs no more."""
    layer = [value]
    for _ in range(levels):
        layer = [inner for one in layer for inner in _inside(one)]
    return any(isinstance(one, (dict, list)) for one in layer)


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
