"""How a camera says that it is: spool, disk, clock."""

from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from devices.models import Device, DeviceStatus

# Who sends them more often is heard, but not written down: presence costs next to nothing.
HEARTBEAT_INTERVAL = timedelta(seconds=50)


def note_heartbeat(*, device: Device, version: str | None = None, **health: Any) -> bool:
    """Keep what the camera's heartbeat told; return False for one that came too soon after the last."""
    now = timezone.now()
    fields: dict[str, Any] = {"heartbeat_at": now, "health": health}
    if version:
        fields["version"] = version
    soon = Q(heartbeat_at__gt=now - HEARTBEAT_INTERVAL, heartbeat_at__lte=now)
    return bool(DeviceStatus.unscoped.filter(device=device).exclude(soon).update(**fields))
