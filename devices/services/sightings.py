"""When a camera was last heard of: written once a minute at most, so that presence costs next to nothing."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Case, F, When

from devices.models import DeviceStatus

SIGHTING_INTERVAL = timedelta(minutes=1)
# After a longer silence a camera counts as back, not as still there.
SILENCE = timedelta(minutes=15)


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
