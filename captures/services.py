"""Taking pictures in, and finding them again."""

import hashlib
import logging
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection
from django.db.models import OuterRef, Q, Subquery
from django.db.models.constants import OnConflict
from django.db.models.sql import InsertQuery
from django.utils import timezone

from captures.inspection import inspect_picture
from captures.models import Capture, CaptureQuerySet
from captures.storage import picture_key
from devices.models import Device, DeviceQuerySet
from orgs.errors import Conflict, Invalid, Unavailable
from orgs.ids import uuid7

logger = logging.getLogger(__name__)

# A clock may be wrong by this much and the picture is still taken, with the doubt noted.
FUTURE_LIMIT = timedelta(days=1)
# Before this no camera took a picture; a clock without a battery starts at 1970, and such a moment is doubtful.
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
DOUBTFUL_BEFORE = datetime(2000, 1, 1, tzinfo=UTC)
# Ahead by more than this is doubtful: beyond what a clock set over the network drifts.
FUTURE_DOUBT = timedelta(minutes=5)


class ImpossibleMoment(Invalid):
    code = "captured_at_out_of_range"


class RecordIdTaken(Conflict):
    code = "record_id_taken"


class StorageUnavailable(Unavailable):
    code = "storage_unavailable"


def store_capture(
    *,
    device: Device,
    data: bytes,
    record_id: str = "",
    captured_at: datetime | None = None,
    trigger_label: str = "",
    trigger_id: str = "",
    metadata: dict[str, Any] | None = None,
    not_judged: str = "",
) -> tuple[Capture, bool]:
    """Keep a picture for good and return its row, and whether it is new.

    When this returns, the bytes and the row are durable. The same ``record_id`` with the same bytes, or the same
    bytes at the same ``captured_at``, is the same picture: its first row is returned. With a reason in
    ``not_judged`` it is kept without being judged. Raises what
    :func:`~captures.inspection.inspect_picture` raises, :class:`ImpossibleMoment`, :class:`RecordIdTaken` and
    :class:`StorageUnavailable`.
    """
    facts = inspect_picture(data)
    received_at = timezone.now()
    captured_at, doubt = settle_moment(captured_at, received_at)
    pk = uuid7()
    capture = Capture(
        pk=pk,
        org_id=device.org_id,
        device=device,
        record_id=record_id or str(pk),
        captured_at=captured_at,
        received_at=received_at,
        storage_key=picture_key(
            org_id=device.org_id, device_id=device.pk, pk=pk, at=captured_at, extension=facts.extension
        ),
        content_type=facts.content_type,
        byte_size=len(data),
        width=facts.width,
        height=facts.height,
        sha256=hashlib.sha256(data).hexdigest(),
        trigger_label=trigger_label,
        trigger_id=trigger_id,
        metadata={**(metadata or {}), **doubt},
        evaluation_due_at=received_at,
        not_judged=not_judged,
    )
    _save_bytes(capture, data)
    if _insert(capture):
        return capture, True
    first = _first_of(capture)
    if not _has_bytes(first):
        _save_bytes(first, data)  # lost since, and here are the same again: a receipt is for what is there
    return first, False


def settle_moment(captured_at: datetime | None, now: datetime) -> tuple[datetime, dict[str, str]]:
    """Return the moment in UTC, and what is doubtful about it as an entry for the metadata.

    Raises :class:`ImpossibleMoment`.
    """
    if captured_at is None:
        return now, {}
    doubts = []
    if captured_at.tzinfo is None:
        captured_at = captured_at.replace(tzinfo=UTC)
        doubts.append("it came without an offset and was read as UTC")
    ahead = captured_at - now
    if ahead > FUTURE_LIMIT:
        raise ImpossibleMoment(f"captured_at is {ahead.days} days or more ahead: check the camera's clock.")
    if captured_at < EARLIEST:
        raise ImpossibleMoment("captured_at is before 1970: check the camera's clock.")
    if captured_at < DOUBTFUL_BEFORE:
        doubts.append("it is from before 2000, as of a clock that was not set")
    if ahead > FUTURE_DOUBT:
        doubts.append(f"it was {int(ahead.total_seconds())} s ahead of the server's clock")
    return captured_at.astimezone(UTC), {"clock_doubt": "; ".join(doubts)} if doubts else {}


def _save_bytes(capture: Capture, data: bytes) -> None:
    try:
        default_storage.save(capture.storage_key, ContentFile(data))
    except OSError as error:
        raise StorageUnavailable("The picture could not be written; keep it and send it again.") from error


def _has_bytes(capture: Capture) -> bool:
    try:
        return default_storage.exists(capture.storage_key)
    except OSError as error:
        raise StorageUnavailable("The storage does not answer; keep the picture and send it again.") from error


def _delete_bytes(capture: Capture) -> None:
    """Delete what no row speaks of. What cannot be deleted now is swept later."""
    try:
        default_storage.delete(capture.storage_key)
    except OSError as error:
        logger.warning("Left to the sweep: %s (%s)", capture.storage_key, error)


def _insert(capture: Capture) -> bool:
    """Insert the row; False, and no file left behind, when the picture was there already.

    The file goes only where the row is known not to be there: when the connection broke in the middle, the row
    may have been committed, and the file stays until the sweep knows.
    """
    try:
        inserted = _insert_unless_there(capture)
    except DatabaseError:
        if connection.is_usable():
            _delete_bytes(capture)
        raise
    if not inserted:
        _delete_bytes(capture)
    return inserted


def _insert_unless_there(capture: Capture) -> bool:
    """``INSERT … ON CONFLICT DO NOTHING``: one statement decides between two equal uploads at the same instant.

    Django offers it as ``bulk_create(ignore_conflicts=True)``, which does not tell whether a row was made.
    """
    values = [
        field.get_db_prep_save(getattr(capture, field.attname), connection)
        for field in Capture._meta.concrete_fields
    ]
    with connection.cursor() as cursor:
        cursor.execute(_insert_statement(), values)
        return bool(cursor.rowcount == 1)


@cache
def _insert_statement() -> str:
    """The SQL is the same for every picture; making it anew would be a tenth of an upload."""
    query = InsertQuery(Capture, on_conflict=OnConflict.IGNORE)
    query.insert_values(Capture._meta.concrete_fields, [Capture()])
    [(sql, _)] = query.get_compiler(connection=connection).as_sql()
    return str(sql)


def _first_of(capture: Capture) -> Capture:
    """Return the row that was there first, or raise :class:`RecordIdTaken`."""
    same_record = Q(record_id=capture.record_id)
    same_picture = Q(captured_at=capture.captured_at, sha256=capture.sha256)
    rows = list(Capture.unscoped.filter(same_record | same_picture, device=capture.device_id))
    for row in rows:
        if row.record_id == capture.record_id and row.sha256 != capture.sha256:
            raise RecordIdTaken(f"Another picture was already stored under the record id {row.record_id}.")
    if not rows:
        raise Unavailable("The picture's first copy was just deleted; send it again.")
    return next((row for row in rows if row.record_id == capture.record_id), rows[0])


class CameraSight(NamedTuple):
    """A camera with its newest picture, and the newest of which there is a thumbnail already."""

    device: Device
    newest: Capture | None
    pictured: Capture | None


def newest_of_each(*, devices: DeviceQuerySet, captures: CaptureQuerySet) -> list[CameraSight]:
    """Return what each of ``devices`` saw last, by their names, as far as it is in ``captures``.

    Two queries, however many cameras.
    """
    newest = captures.filter(device=OuterRef("pk")).newest_first().values("pk")
    pictured = newest.exclude(thumbnail_key="")
    rows = list(
        devices.by_name()
        .select_related("status")
        .annotate(newest_pk=Subquery(newest[:1]), pictured_pk=Subquery(pictured[:1]))
    )
    seen = captures.in_bulk({pk for device in rows for pk in (device.newest_pk, device.pictured_pk)})
    return [CameraSight(device, seen.get(device.newest_pk), seen.get(device.pictured_pk)) for device in rows]
