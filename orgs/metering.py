"""How much each key is used: counted in the process, written in batches.

Counting costs a request nothing but an addition. Every ``settings.METERING_SECONDS`` a thread writes what was
counted since, one upsert for each table, so that several processes add up to one sum; what cannot be written, as
while the database is down, is kept and tried again. A process that is killed loses what it counted since the
last writing, two seconds of it at most; one that ends writes first.

A row is one key's day or one organization's month, both in UTC.
"""

import logging
import math
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from multiprocessing.util import Finalize
from typing import Any, NamedTuple, cast
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction
from psycopg_pool import PoolTimeout

from orgs import scope
from orgs.errors import TooManyRequests
from orgs.models import AccessKey, MonthlyUsage
from orgs.tenancy import TenantModel

logger = logging.getLogger(__name__)

# The columns that are counted up, where a model has them.
COUNTERS = ("requests", "pictures", "bytes", "evaluations")
ROWS_AT_ONCE = 200
READINGS_KEPT = 1000
# For so long a day's requests as they were read are good enough to tell whether a quota is used up.
READING_SECONDS = 2.0


class QuotaUsedUp(TooManyRequests):
    code = "quota_used_up"


class Slot(NamedTuple):
    """A row to count in: the one of ``model`` whose columns ``unique`` hold ``owner``."""

    model: type[TenantModel]
    unique: tuple[str, ...]
    owner: tuple[Any, ...]
    org_id: UUID


Counts = dict[str, int]


class _Reading(NamedTuple):
    """How many requests of a key's day the database had, and when it was asked."""

    requests: int
    at: float


_counted: dict[Slot, Counts] = {}
_readings: dict[Slot, _Reading] = {}
_lock = threading.Lock()  # around the two above
_writing = threading.Lock()  # one flush at a time, so that each writes all there is
_writer: threading.Thread | None = None


def count_request(key: AccessKey) -> None:
    """Count one authenticated request of ``key``."""
    _count(_day_of(key), requests=1)


def count_picture(key: AccessKey, *, size: int) -> None:
    """Count a new picture of ``size`` bytes for the key that handed it in, and for its organization."""
    _count(_day_of(key), pictures=1, bytes=size)
    _count(_month_of(key.org_id), pictures=1, bytes=size)


def count_imported(*, org_id: UUID, pictures: int, size: int) -> None:
    """Count pictures that came without a key, ``size`` bytes in all: at once, with what the caller writes."""
    if pictures:
        _write({_month_of(org_id): {"pictures": pictures, "bytes": size}})


def is_over_quota(key: AccessKey) -> bool:
    """Whether ``key`` has made more requests today than its daily quota. Free for keys without one.

    Requests that other processes took within the last seconds may be missing.
    """
    if key.daily_quota is None:
        return False
    slot = _day_of(key)
    reading = _readings.get(slot)
    if reading is None or time.monotonic() - reading.at >= READING_SECONDS:
        reading = _read(key, slot)
    with _lock:
        waiting = _counted.get(slot, {}).get("requests", 0)
    return reading.requests + waiting > key.daily_quota


def refuse_over_quota(key: AccessKey) -> None:
    """Raise :class:`QuotaUsedUp`, good until midnight UTC, for a key that is over its quota."""
    if not is_over_quota(key):
        return
    now = datetime.now(UTC)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    raise QuotaUsedUp(
        f"The {key.daily_quota} requests of this day (UTC) are used up.",
        retry_after=math.ceil((midnight - now).total_seconds()),
    )


def flush() -> None:
    """Write what was counted. What the database does not take is kept for the next time."""
    with _writing:
        with _lock:
            taken = dict(_counted)
            _counted.clear()
        if not taken:
            return
        try:
            with scope.across_organizations("writes what the keys of all organizations were used for"):
                _write(taken)
        except BaseException:
            _add(taken)
            raise
        with _lock:
            for slot in taken:
                _readings.pop(slot, None)


def forget() -> None:
    """Throw away what was counted and not written."""
    with _lock:
        _counted.clear()
        _readings.clear()


def _day_of(key: AccessKey) -> Slot:
    usage = cast(Any, key).usage.model  # the tables of upper rooms are not known here, only their keys
    return Slot(usage, ("key_id", "day"), (key.pk, datetime.now(UTC).date()), key.org_id)


def _month_of(org_id: UUID) -> Slot:
    month = datetime.now(UTC).date().replace(day=1)
    return Slot(MonthlyUsage, ("org_id", "month"), (org_id, month), org_id)


def _count(slot: Slot, **counts: int) -> None:
    _add({slot: counts})
    _ensure_writer()


def _add(more: Mapping[Slot, Counts]) -> None:
    with _lock:
        for slot, counts in more.items():
            row = _counted.setdefault(slot, {})
            for name, number in counts.items():
                row[name] = row.get(name, 0) + number


def _read(key: AccessKey, slot: Slot) -> _Reading:
    with scope.within(key.org_id):
        stored = cast(Any, key).usage.filter(day=slot.owner[1]).values_list("requests", flat=True).first()
    reading = _Reading(stored or 0, time.monotonic())
    with _lock:
        if len(_readings) >= READINGS_KEPT:
            _readings.clear()
        _readings[slot] = reading
    return reading


# --- writing


@transaction.atomic
def _write(taken: Mapping[Slot, Counts]) -> None:
    """In one order everywhere, so that two processes never wait for each other in a ring."""
    by_model: dict[type[TenantModel], list[Slot]] = {}
    for slot in sorted(taken, key=lambda slot: (slot.model.__name__, slot.owner)):
        by_model.setdefault(slot.model, []).append(slot)
    for model, slots in by_model.items():
        for start in range(0, len(slots), ROWS_AT_ONCE):
            rows = slots[start : start + ROWS_AT_ONCE]
            _upsert(model, [(slot, taken[slot]) for slot in _still_there(rows)])


def _still_there(slots: Sequence[Slot]) -> list[Slot]:
    """Those whose key or organization was not deleted since: for the others there is no row to count in."""
    owner = slots[0].model._meta.get_field(slots[0].unique[0])
    owners = cast(Any, owner).related_model._base_manager
    there = set(owners.filter(pk__in=[slot.owner[0] for slot in slots]).values_list("pk", flat=True))
    return [slot for slot in slots if slot.owner[0] in there]


def _upsert(model: type[TenantModel], rows: Sequence[tuple[Slot, Counts]]) -> None:
    """``INSERT … ON CONFLICT DO UPDATE SET n = n + …``, which Django's ``bulk_create`` cannot say."""
    if not rows:
        return
    unique = rows[0][0].unique
    counters = [field.name for field in model._meta.fields if field.name in COUNTERS]
    lines = [
        {"org_id": slot.org_id}
        | dict(zip(unique, slot.owner, strict=True))
        | {name: counts.get(name, 0) for name in counters}
        for slot, counts in rows
    ]
    fields = [cast(Any, model._meta.get_field(name.removesuffix("_id"))) for name in lines[0]]
    values = [
        field.get_db_prep_save(value, connection)
        for line in lines
        for field, value in zip(fields, line.values(), strict=True)
    ]
    with connection.cursor() as cursor:
        cursor.execute(_statement(model, list(lines[0]), unique, counters, len(lines)), values)


def _statement(
    model: type[TenantModel], names: Sequence[str], unique: Sequence[str], counters: Sequence[str], rows: int
) -> str:
    table = model._meta.db_table
    line = f"({', '.join(['%s'] * len(names))})"
    added = ", ".join(f'"{name}" = "{table}"."{name}" + excluded."{name}"' for name in counters)
    quoted = ", ".join(f'"{name}"' for name in names)
    return (
        f'INSERT INTO "{table}" ({quoted}) VALUES {", ".join([line] * rows)} '  # noqa: S608 - names of our models
        f"ON CONFLICT ({', '.join(unique)}) DO UPDATE SET {added}"
    )


# --- the thread that writes


def _ensure_writer() -> None:
    """Start the thread with the first count, that is in the process that serves, however it was forked."""
    global _writer
    if _writer is not None or not settings.METERING_SECONDS:
        return
    with _lock:
        if _writer is None:
            _writer = threading.Thread(target=_write_on_and_on, name="metering", daemon=True)
            _writer.start()
            # Not atexit: children of multiprocessing, as web servers have them, leave without it.
            Finalize(None, flush_or_say, exitpriority=10)


def _write_on_and_on() -> None:
    while seconds := settings.METERING_SECONDS:
        time.sleep(seconds)
        flush_or_say()


def flush_or_say() -> None:
    """Write what was counted; say so where that fails. Also what a web process does before it ends."""
    try:
        flush()
    except (DatabaseError, InterfaceError, PoolTimeout) as error:
        logger.warning("What keys were used for could not be written; it is tried again: %s", error)
    finally:
        connection.close()
