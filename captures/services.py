"""Taking pictures in, and finding them again."""

import hashlib
import logging
import uuid
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
from captures.integrity.findings import forget_finding
from captures.models import Capture, CaptureQuerySet, DeletedCapture, EvaluationStatus
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
    bytes at the same ``captured_at``, is the same picture: its first row is returned. One that was deleted since
    does not come back: a row that is not saved, and without a ``storage_key``, is returned. With a reason in
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
    if not has_bytes(first):
        _save_bytes(first, data)  # lost since, and here are the same again: a receipt is for what is there
        forget_finding(first)
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


def has_bytes(capture: Capture) -> bool:
    """Whether the picture need not be sent again: its file is there and not known to be damaged, or none is kept.

    ``capture`` comes from :func:`find_first`. Raises :class:`StorageUnavailable`.
    """
    if not capture.storage_key:
        return True
    if hasattr(capture, "finding"):
        return False
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

    Django offers it as ``bulk_create(ignore_conflicts=True)``, which does not tell whether a row was made, nor
    leave out what was deleted. (Of a copy that comes in the very moment of the deletion the old row may be seen no
    more and what is remembered of it not yet: it is taken in, and deleted by its rule the next night.)
    """
    fields = {field.attname: field for field in Capture._meta.concrete_fields}
    values = {name: field.get_db_prep_save(getattr(capture, name), connection) for name, field in fields.items()}
    of_deleted = [values[name] for name in ("device_id", "record_id", "device_id", "captured_at", "sha256")]
    with connection.cursor() as cursor:
        cursor.execute(_insert_statement(), [*values.values(), *of_deleted])
        return bool(cursor.rowcount == 1)


@cache
def _insert_statement() -> str:
    """The SQL is the same for every picture; making it anew would be a tenth of an upload."""
    query = InsertQuery(Capture, on_conflict=OnConflict.IGNORE)
    query.insert_values(Capture._meta.concrete_fields, [Capture()])
    [(sql, _)] = query.get_compiler(connection=connection).as_sql()
    # Two questions rather than one with OR: each is answered by its index.
    deleted = f"SELECT 1 FROM {DeletedCapture._meta.db_table} WHERE device_id = %s AND"  # noqa: S608 - a model's name
    unless = f"NOT EXISTS ({deleted} record_id = %s) AND NOT EXISTS ({deleted} captured_at = %s AND sha256 = %s)"
    head, _, rest = str(sql).partition(" VALUES (")
    line, _, tail = rest.partition(")")
    return f"{head} SELECT {line} WHERE {unless}{tail}"


def _first_of(capture: Capture) -> Capture:
    """Return the row that was there first, or raise :class:`RecordIdTaken`."""
    first = find_first(
        device_id=capture.device_id,
        record_id=capture.record_id,
        captured_at=capture.captured_at,
        sha256=capture.sha256,
    )
    if first is None:
        raise Unavailable("The picture's first copy was just deleted; send it again.")
    return first


def find_first(*, device_id: uuid.UUID, record_id: str, captured_at: datetime, sha256: str) -> Capture | None:
    """Return the camera's row that is the same picture, with its ``finding`` if there is one, or None.

    It is the same under the same record id, or with the same bytes at the same moment. Of one that was deleted
    since, a row that is not there any more says what can still be said. Raises :class:`RecordIdTaken`.
    """
    same_record = Q(record_id=record_id)
    same_picture = Q(captured_at=captured_at, sha256=sha256)
    there = Capture.unscoped.filter(same_record | same_picture, device=device_id).select_related("finding")
    rows: list[Capture] = list(there)
    if not rows:
        gone = DeletedCapture.unscoped.filter(same_record | same_picture, device=device_id)
        rows = [_as_it_was(row) for row in gone]
    for row in rows:
        if row.record_id == record_id and row.sha256 != sha256:
            raise RecordIdTaken(f"Another picture was already stored under the record id {row.record_id}.")
    return next((row for row in rows if row.record_id == record_id), rows[0] if rows else None)


def is_name_of_picture(*, device_id: uuid.UUID, record_id: str) -> bool:
    """Whether the camera has a picture of this name, or had one that is remembered: no other can have it."""
    named = {"device": device_id, "record_id": record_id}
    return Capture.unscoped.filter(**named).exists() or DeletedCapture.unscoped.filter(**named).exists()


def _as_it_was(gone: DeletedCapture) -> Capture:
    """What a receipt can still say of a deleted picture."""
    return Capture(
        pk=gone.capture_id,
        org_id=gone.org_id,
        device_id=gone.device_id,
        record_id=gone.record_id,
        captured_at=gone.captured_at,
        received_at=gone.received_at,
        sha256=gone.sha256,
        evaluation_status=EvaluationStatus.SKIPPED,
        reason=f"It was received, and deleted on {gone.deleted_at:%Y-%m-%d}.",
    )


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
