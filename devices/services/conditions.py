"""How a camera is, as it was found, written when it changes. ``devices/health.py`` makes sentences of it."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Case, Exists, F, Q, When

from devices.models import Delivery, DeviceStatus

LONGEST_REASON = 300
# While the light stays, when the newest judged picture came is noted no more often.
SEEN_EVERY = timedelta(minutes=10)


@dataclass(frozen=True)
class Delivered:
    """What the calendar found of one camera. ``since``: the moment of the picture that it first showed on."""

    device_id: uuid.UUID
    delivery: Delivery
    since: datetime | None
    last_received_at: datetime | None


def note_usability(
    *,
    device_id: uuid.UUID,
    usable: bool | None,
    reason: str,
    at: datetime,
    came_at: datetime | None = None,
    unless: Exists | None = None,
) -> bool:
    """Note whether the camera's newest picture, taken ``at``, could be used; return whether anything was written.

    None: nobody could say, for ``reason``. ``unless`` tells that there is a newer one. The reason of a usable
    picture is not kept. ``came_at``: when the picture came in, if not at once. One statement, which writes nothing
    while things stay as they are and the noted picture came less than SEEN_EVERY before this one.
    """
    said = "" if usable else reason[:LONGEST_REASON]
    same = Q(usable=usable)
    news = ~(same & Q(usable_reason=said))
    fields: dict[str, Any] = {}
    if usable is not None:  # what nobody could judge was not seen
        seen = fields["usable_seen_at"] = came_at or at
        news |= Q(usable_seen_at=None) | Q(usable_seen_at__lte=seen - SEEN_EVERY)
    rows = DeviceStatus.unscoped.filter(news, device=device_id)
    if unless is not None:
        rows = rows.filter(~unless)
    since = Case(When(same, usable_since__isnull=False, then=F("usable_since")), default=at)
    return bool(rows.update(usable=usable, usable_reason=said, usable_since=since, **fields))


@transaction.atomic
def note_deliveries(*, found: Sequence[Delivered], checked: Collection[uuid.UUID], at: datetime) -> int:
    """Note what the calendar found, and that the ``checked`` cameras were looked at; return how many were noted.

    A row that somebody else is just writing is left for the next time: nothing waits for others here, so
    statements that write many of these rows cannot wait for each other in a ring.
    """
    rows = DeviceStatus.unscoped.filter(device__in=checked).select_for_update(skip_locked=True)
    free = set(rows.order_by("pk").values_list("pk", flat=True))
    changed = [
        DeviceStatus(
            device_id=one.device_id,
            delivery=one.delivery,
            delivery_since=one.since,
            last_received_at=one.last_received_at,
        )
        for one in found
        if one.device_id in free
    ]
    fields = ["delivery", "delivery_since", "last_received_at"]
    DeviceStatus.unscoped.bulk_update(changed, fields, batch_size=200)
    return DeviceStatus.unscoped.filter(device__in=free).update(delivery_checked_at=at)
