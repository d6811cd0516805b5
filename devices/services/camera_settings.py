"""What people set for a camera. Its schedules are changed by ``devices/services/schedules.py``."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from devices.clocks import zone_of
from devices.models import Device
from devices.services.configuration_version import bump_configuration
from devices.services.desired_configuration import DEFAULTS, settings_of
from devices.services.devices import rename_device
from devices.services.schedules import move_to_zone
from orgs.audit import record
from orgs.errors import Invalid
from orgs.models import User
from orgs.models.organizations import validate_time_zone

# Seconds between two heartbeats, or between two looks at the configuration.
SHORTEST, LONGEST = 60, 86_400
WIDTHS, QUALITIES = (160, 10_000), (10, 100)


class InvalidConfiguration(Invalid):
    code = "invalid_configuration"


@transaction.atomic
def configure_device(
    *,
    device: Device,
    acting_user: User | None,
    time_zone: str | None = None,
    heartbeat_seconds: int | None = None,
    poll_seconds: int | None = None,
    picture: dict[str, int | None] | None = None,
) -> None:
    """Change what the camera is to do; what is None, or left out of ``picture``, stays.

    ``time_zone`` "": the organization's. Schedules go on at the same times of the day in the new zone.
    Raises :class:`InvalidConfiguration`.
    """
    row = Device.unscoped.select_for_update(of=("self",), no_key=True).select_related("org").get(pk=device.pk)
    wanted = _wanted(row, heartbeat_seconds, poll_seconds, picture)
    zone = row.time_zone if time_zone is None else time_zone
    _refuse_wrong(wanted, zone if zone != row.time_zone else "")
    before = {"time_zone": row.time_zone, **_flat(settings_of(row))}
    was_in = zone_of(row)
    row.time_zone, row.configuration = zone, wanted
    after = {"time_zone": zone, **_flat(settings_of(row))}
    changed = [name for name in after if after[name] != before[name]]
    if changed:
        row.save(update_fields=["time_zone", "configuration"])
        if zone_of(row) != was_in:
            move_to_zone(row, zone_of(row))
        bump_configuration(row)
        record(
            "camera.configured",
            org=row.org_id,
            actor=acting_user,
            target=row,
            before={name: before[name] for name in changed},
            after={name: after[name] for name in changed},
            device=row,
        )
    device.refresh_from_db(fields=["time_zone", "configuration", "configuration_version", "configured_at"])


@transaction.atomic
def change_device(
    *, device: Device, acting_user: User | None, name: str | None = None, time_zone: str | None = None
) -> None:
    """Rename the camera, move it to another time zone, or both or neither; None stays as it is.

    Raises ``InvalidDevice`` or :class:`InvalidConfiguration`.
    """
    if name is not None:
        rename_device(device=device, name=name, acting_user=acting_user)
    if time_zone is not None:
        configure_device(device=device, time_zone=time_zone, acting_user=acting_user)


def _wanted(
    row: Device, heartbeat_seconds: int | None, poll_seconds: int | None, picture: dict[str, int | None] | None
) -> dict[str, Any]:
    """What is to be kept: only what is not as by default."""
    settings = settings_of(row)
    given = {"heartbeat_seconds": heartbeat_seconds, "poll_seconds": poll_seconds}
    settings |= {name: value for name, value in given.items() if value is not None}
    settings["picture"] = {**settings["picture"], **(picture or {})}
    return {name: value for name, value in settings.items() if value != DEFAULTS[name]}


def _flat(settings: dict[str, Any]) -> dict[str, Any]:
    picture = {f"picture_{name}": value for name, value in settings["picture"].items()}
    return {
        "heartbeat_seconds": settings["heartbeat_seconds"],
        "poll_seconds": settings["poll_seconds"],
        **picture,
    }


def _refuse_wrong(wanted: dict[str, Any], zone: str) -> None:
    """Raise :class:`InvalidConfiguration` with a sentence for each field that is out of its bounds."""
    flat, wrong = _flat({**DEFAULTS, **wanted}), {}
    bounds = {
        "heartbeat_seconds": (SHORTEST, LONGEST),
        "poll_seconds": (SHORTEST, LONGEST),
        "picture_max_width": WIDTHS,
        "picture_quality": QUALITIES,
    }
    for name, (least, most) in bounds.items():
        if flat[name] is not None and not least <= flat[name] <= most:
            wrong[name] = f"Choose a whole number from {least} to {most}."
    try:
        validate_time_zone(zone or "UTC")
    except ValidationError as error:
        wrong["time_zone"] = error.messages[0]
    if wrong:
        raise InvalidConfiguration(" ".join(f"{name}: {text}" for name, text in wrong.items()), fields=wrong)
