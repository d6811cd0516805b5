"""When a camera was last heard of: written once a minute at most, so that presence costs next to nothing."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Case, F, When
from django.utils import timezone

from devices.models import DeviceStatus

SIGHTING_INTERVAL = timedelta(minutes=1)
# After a longer silence a camera counts as back, not as still there.
SILENCE = timedelta(minutes=15)
# Who has its stream open is noted as listening once a minute.
LISTENING = timedelta(minutes=3)


def note_sightings(
    *, device_ids: Sequence[uuid.UUID], at: datetime, ip: str | None = None, listening: bool = False
) -> None:
    """Note that these cameras are there, in one statement, and whether they wait for commands.

    Without ``ip`` the last known one stays.
    """
    without_gap = When(last_seen_at__gte=at - SILENCE, seen_since__isnull=False, then=F("seen_since"))
    seen = {"last_seen_at": at, "seen_since": Case(without_gap, default=at)}
    if ip is not None:
        seen["last_seen_from"] = ip
    if listening:
        seen["listened_at"] = at
    DeviceStatus.unscoped.filter(device__in=device_ids).update(**seen)


def note_listening(*, device_id: uuid.UUID) -> None:
    """Note that the camera has just asked what it is to do; written once a minute at most."""
    now = timezone.now()
    lately = DeviceStatus.unscoped.filter(device=device_id, listened_at__gt=now - SIGHTING_INTERVAL)
    if not lately.exists():
        note_sightings(device_ids=[device_id], at=now, listening=True)


def note_version(*, device_id: uuid.UUID, version: str) -> None:
    """Note which software the camera runs; written only when it is another than before."""
    DeviceStatus.unscoped.filter(device=device_id).exclude(version=version).update(version=version)


def listens(status: DeviceStatus, now: datetime) -> bool:
    """Whether the camera waits for commands: it did so lately."""
    return status.listened_at is not None and status.listened_at >= now - LISTENING
