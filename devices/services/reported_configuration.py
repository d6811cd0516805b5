"""What a camera says it does, and where that differs from what it is to do."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from devices.differences import Difference, find_differences
from devices.models import Device, DeviceStatus
from devices.services.desired_configuration import desired_configuration
from orgs.errors import Invalid
from orgs.storable import NotStorable, refuse_unstorable

REPORT_LIMIT = 16 * 1024
DEEPEST = 6
LARGEST_VERSION = 2**31 - 1


class InvalidReport(Invalid):
    code = "invalid_report"


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
    note_differences(device, status)
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


def note_differences(device: Device, status: DeviceStatus) -> None:
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
