"""Schedules and pictures of a calendar."""

import itertools
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from captures.models import Capture
from devices.models import Device, ScheduleRule
from orgs.ids import uuid7

NOW = datetime(2026, 3, 4, 12, 0, 30, tzinfo=UTC)  # a Wednesday
_numbers = itertools.count(1)


def make_rule(
    device: Device, *, label: str = "Rounds", since: datetime | None = None, **fields: Any
) -> ScheduleRule:
    """A schedule of one rule, which holds from ten days before NOW unless ``since`` says otherwise."""
    schedule = device.schedules.create(org_id=device.org_id, label=label)
    fields = {"time_zone": "UTC", "valid_from": since or NOW - timedelta(days=10), **fields}
    return schedule.rules.create(org_id=device.org_id, **fields)


def make_row(
    device: Device, captured_at: datetime, *, received_at: datetime | None = None, **fields: Any
) -> Capture:
    """A picture's row without its file, as if it had come at ``received_at`` (else when it was taken)."""
    came, number = received_at or captured_at, next(_numbers)
    fields = {
        "pk": id_of(came),
        "record_id": f"picture-{number}",
        "storage_key": f"none/{number}.jpeg",
        "content_type": "image/jpeg",
        "byte_size": 1,
        "width": 1,
        "height": 1,
        "sha256": f"{number:064x}",
        **fields,
    }
    return Capture.unscoped.create(
        org_id=device.org_id, device=device, captured_at=captured_at, received_at=came, **fields
    )


def id_of(moment: datetime) -> uuid.UUID:
    """An id made at ``moment``."""
    random = uuid7().int & ((1 << 80) - 1)
    return uuid.UUID(int=(int(moment.timestamp() * 1000) << 80) | random)
