"""Refused pictures: kept for the calendar, so that a day without a picture can say why."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import DatabaseError, IntegrityError, InterfaceError, transaction
from django.db.models import F
from django.utils import timezone
from psycopg_pool import PoolTimeout

from captures.calendar.models import Rejection
from captures.services import FUTURE_LIMIT, RecordIdTaken
from devices.models import Device
from orgs import scope
from orgs.errors import DomainError

logger = logging.getLogger(__name__)

# A camera that keeps sending what is refused, under ever new names, fills no table.
MOST_A_DAY = 100
KEPT = timedelta(days=90)
DELETED_AT_ONCE = 1000
OLDEST = timedelta(days=366)
LONGEST_DETAIL = 300
LONGEST_NAME = 200


def is_pictures_fault(refusal: DomainError) -> bool:
    """Whether the picture itself is refused, for good: not its key, its address or the moment."""
    return not refusal.keep_local or isinstance(refusal, RecordIdTaken)


def note_rejection(*, device: Device, refusal: DomainError, fields: Mapping[str, Any]) -> None:
    """Note that the camera's picture was refused. ``fields``: what it said of the picture, as far as it was read.

    The same picture again is counted, not added. Of one that came without its moment the minute it came in stands.
    What cannot be written is logged: the camera's answer stays what it is.
    """
    try:
        _note(device, refusal, fields)
    except (DatabaseError, InterfaceError, PoolTimeout) as error:
        logger.warning("A refusal of %s could not be noted: %s", device, error)


def _note(device: Device, refusal: DomainError, fields: Mapping[str, Any]) -> None:
    now = timezone.now()
    name = _text(fields.get("record_id"))
    said = _moment(fields.get("captured_at"), now)
    moment = said or now.replace(second=0, microsecond=0)
    same = Rejection.unscoped.filter(device=device, record_id=name, code=refusal.code)
    if said is not None or not name:  # one with a name and without a moment is known by its name
        same = same.filter(captured_at=moment)
    detail = str(refusal)[:LONGEST_DETAIL]
    again = {"count": F("count") + 1, "last_at": now, "detail": detail}
    if same.update(**again) or _has_enough(device, now):
        return
    row = Rejection(
        org_id=device.org_id,
        device=device,
        record_id=name,
        captured_at=moment,
        code=refusal.code,
        detail=detail,
        first_at=now,
        last_at=now,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        same.update(**again)  # the same came at the same instant


def prune_rejections(*, now: datetime | None = None) -> int:
    """Forget what was last refused 90 days ago; return how many. Safe to run often and at once."""
    now = now or timezone.now()
    with scope.across_organizations("forgets old refusals of all organizations"):
        old = Rejection.unscoped.filter(last_at__lt=now - KEPT)
        pruned = 0
        # In parts, so that no other write waits for all of it.
        while some := list(old.values_list("pk", flat=True)[:DELETED_AT_ONCE]):
            pruned += Rejection.unscoped.filter(pk__in=some).delete()[0]
    return pruned


def _has_enough(device: Device, now: datetime) -> bool:
    lately = Rejection.unscoped.filter(device=device, first_at__gt=now - timedelta(days=1))
    return lately[:MOST_A_DAY].count() >= MOST_A_DAY


def _moment(value: object, now: datetime) -> datetime | None:
    """What the camera said, if it can be so; None else."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    try:
        moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        return None
    return moment if now - OLDEST < moment < now + FUTURE_LIMIT else None


def _text(value: object) -> str:
    """A name as it can be kept; what no database takes is none."""
    if not isinstance(value, str):
        return ""
    return "".join(letter for letter in value if letter.isprintable())[:LONGEST_NAME]
