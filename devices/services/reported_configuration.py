"""What a camera says it does, and where that differs from what it is to do."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from devices.differences import Difference, find_differences
from devices.models import Device, DeviceStatus
from devices.services.desired_configuration import desired_configuration, settings_of
from orgs.errors import Invalid
from orgs.storable import NotStorable, refuse_unstorable

REPORT_LIMIT = 16 * 1024
DEEPEST = 6
LARGEST_VERSION = 2**31 - 1
SHORTEST_TIME_TO_FETCH = timedelta(minutes=5)
# What people can set, in seconds.
RAREST_LOOK = 86_400


class InvalidReport(Invalid):
    code = "invalid_report"


def note_fetched(*, device: Device, version: int) -> None:
    """Note that the camera has fetched what it is to do; written only when it is another version than before."""
    DeviceStatus.unscoped.filter(device=device).exclude(fetched_version=version).update(fetched_version=version)


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
    """Where the camera says otherwise than it is to do, each with since when; none for one that says nothing.

    One that a change has brought is pending until the camera has fetched that change, or had the time to.
    """
    if status.reported_at is None:
        return []
    now = timezone.now()
    return [
        one._replace(since=_since(status, one), pending=_is_pending(device, status, one, now))
        for one in find_differences(desired_configuration(device), status.reported_configuration)
    ]


def is_in_sync(status: DeviceStatus, differences: Sequence[Difference]) -> bool:
    """Whether the camera has told what it does, and that is what it is to do; see :func:`differences_of`."""
    return status.reported_at is not None and not differences


def note_differences(device: Device, status: DeviceStatus, *, version: int | None = None) -> None:
    """Keep of each difference when it began: when it came up, or when the camera began to say this there.

    ``version``: that of the change which brings those that come up now, None when the camera does by what it says.
    """
    began = {"at": timezone.now().isoformat(), **({"version": version} if version is not None else {})}
    found = find_differences(desired_configuration(device), status.reported_configuration)
    before = status.differs_since
    status.differs_since = {
        one.about: before[one.about] if _is_the_same(before.get(one.about), one) else {"says": one.says, **began}
        for one in found
    }


def _is_the_same(kept: Any, one: Difference) -> bool:
    return kept is not None and kept["says"] == one.says


def _since(status: DeviceStatus, one: Difference) -> datetime | None:
    """When it began; of one that came up by itself, as with the organization's time zone, nobody knows."""
    kept = status.differs_since.get(one.about)
    return datetime.fromisoformat(kept["at"]) if _is_the_same(kept, one) else None


def _is_pending(device: Device, status: DeviceStatus, one: Difference, now: datetime) -> bool:
    kept = status.differs_since.get(one.about)
    if not _is_the_same(kept, one) or "version" not in kept:
        return False
    has_fetched = max(status.fetched_version or 0, status.reported_version or 0) >= kept["version"]
    return not has_fetched and now < datetime.fromisoformat(kept["at"]) + _time_to_fetch(device, status)


def _time_to_fetch(device: Device, status: DeviceStatus) -> timedelta:
    """Two looks of the camera, as often as it is to look or says it does, whichever is rarer."""
    wants, says = settings_of(device)["poll_seconds"], status.reported_configuration.get("poll_seconds")
    if type(says) is not int or not 0 < says <= RAREST_LOOK:
        says = 0
    return max(SHORTEST_TIME_TO_FETCH, 2 * timedelta(seconds=max(wants, says)))


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
