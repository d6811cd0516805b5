"""What a camera is to do, made of its settings and of its schedules."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db.models import Prefetch
from visant_camera.schedule import as_told

from devices.clocks import zone_of
from devices.models import Device, Schedule, ScheduleRule

DEFAULTS: dict[str, Any] = {
    "heartbeat_seconds": 300,
    "poll_seconds": 300,
    "picture": {"max_width": None, "quality": None},
}


def settings_of(device: Device) -> dict[str, Any]:
    """What was set for the camera beside its schedules, with the defaults for the rest."""
    kept = device.configuration
    picture = {**DEFAULTS["picture"], **kept.get("picture", {})}
    return {**DEFAULTS, **kept, "picture": picture}


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


def _schedules(device: Device) -> Iterator[dict[str, Any]]:
    holding = Prefetch("rules", ScheduleRule.unscoped.holding(), to_attr="holding")
    for schedule in device.schedules.kept().filter(enabled=True).order_by("pk").prefetch_related(holding):
        for rule in schedule.holding:
            yield _as_told(schedule, rule)


def _as_told(schedule: Schedule, rule: ScheduleRule) -> dict[str, Any]:
    return {"id": str(schedule.pk), "label": schedule.label, **as_told(rule)}
