"""Captures of a source become captures here, a batch at a time.

The bytes are durable before the rows are there, and the rows of a batch are there together or not at all. So a run
that is killed leaves at most files that no row speaks of, which are swept later, and the next one goes on.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from captures.evaluation.models import Evaluation
from captures.models import Capture
from captures.moving.checking import Ledger
from captures.moving.definitions import Definitions
from captures.moving.deleted import Deleted
from captures.moving.outcomes import Fate, Outcome, Tally
from captures.moving.pictures import thumbnail_of
from captures.moving.places import ByPicture, ByRecord, by_picture
from captures.moving.recovering import recover
from captures.moving.rows import Arrival, evaluations_of, row_of
from devices.models import Device
from orgs.ids import uuid7
from orgs.metering import count_imported
from orgs.models import Organization

# Waiting for the disk or for S3 overlaps; more threads than this gain nothing.
WRITERS = 16


class Known:
    """What is there already, by record id and by picture."""

    def __init__(self, rows: Sequence[Capture] = ()) -> None:
        self._by_record: dict[ByRecord, tuple[Capture, datetime, str]] = {}
        self._by_picture: dict[ByPicture, Capture] = {}
        for row in rows:
            self.add(row)

    def add(self, row: Capture) -> None:
        self._by_record[row.device_id, row.record_id] = row, row.captured_at, row.sha256
        if place := by_picture(row.device_id, row.captured_at, row.sha256):
            self._by_picture[place] = row

    def has(self, device_pk: UUID, record_id: str) -> bool:
        return (device_pk, record_id) in self._by_record

    def fate_of(self, arrival: Arrival) -> Fate | None:
        """None for what is new. Another picture under its id, or the same one of its moment, is a refusal."""
        if found := self._by_record.get(arrival.by_record):
            row, captured_at, sha256 = found
            # Where the source has no picture any more, what is there is as good or better.
            if captured_at == arrival.record.captured_at and arrival.sha256 in ("", sha256):
                return Fate(Outcome.ALREADY_THERE, capture=str(row.pk))
            sentence = f"Another picture or moment is there under this record id ({row.pk})."
            return Fate(Outcome.REFUSED, "record_id_taken", sentence)
        return self.fate_beside_twin(arrival)

    def fate_beside_twin(self, arrival: Arrival) -> Fate | None:
        """The refusal of a picture that is there already as another capture of the same moment."""
        place = arrival.by_picture
        twin = self._by_picture.get(place) if place else None
        if twin is None:
            return None
        sentence = f"The same picture of the same moment is there as the record {twin.record_id}."
        return Fate(Outcome.REFUSED, "same_picture", sentence)

    def stored(self, arrival: Arrival) -> Capture | None:
        """The row of this record, if it was there before."""
        row, *_ = self._by_record.get(arrival.by_record, (None,))
        return row if row is not None and not row._state.adding else None

    def unpictured(self, arrival: Arrival) -> Capture | None:
        """The row of this record if it has no picture yet and now one has come: an earlier copy was not whole."""
        row = self.stored(arrival)
        is_bare = row is not None and row.sha256 == "" and row.captured_at == arrival.record.captured_at
        return row if is_bare and arrival.picture else None


class Writer:
    """Writes the captures of one organization. With ``dry_run`` it only says what would come of them."""

    def __init__(
        self,
        *,
        org: Organization,
        definitions: Definitions,
        tally: Tally,
        ledger: Ledger,
        judge: bool,
        dry_run: bool,
    ) -> None:
        self._org = org
        self._definitions = definitions
        self._tally = tally
        self._ledger = ledger
        self._judge = judge
        self._dry_run = dry_run
        self._would_be = Known()
        self._threads = ThreadPoolExecutor(WRITERS)

    def write(self, arrivals: Sequence[Arrival]) -> list[Fate]:
        """Return what became of each. When this returns, it is durable.

        Raises OSError when the storage, and DatabaseError when the database cannot be written: nothing of the
        batch is there then, and it can be written again.
        """
        fates = self._sorted_out(arrivals)
        new = [arrival for arrival, fate in zip(arrivals, fates, strict=True) if fate is None]
        recover(arrivals, threads=self._threads, tally=self._tally, dry_run=self._dry_run)
        overtaken = {} if self._dry_run else self._overtaken(self._store(new))
        done = [
            fate or overtaken.get(arrival) or self._imported(arrival)
            for arrival, fate in zip(arrivals, fates, strict=True)
        ]
        self._enter(arrivals, done)
        return done

    def would_write(self, device: Device, record_id: str) -> bool:
        """Whether a trial came upon that record."""
        return self._would_be.has(device.pk, record_id)

    def close(self) -> None:
        self._threads.shutdown()

    def _sorted_out(self, arrivals: Sequence[Arrival]) -> list[Fate | None]:
        """None for each that is new, which has its row then."""
        known = Known(self._rows_like(arrivals))
        deleted = Deleted(
            self._org, [arrival.by_record for arrival in arrivals], [arrival.by_picture for arrival in arrivals]
        )
        fates: list[Fate | None] = []
        for arrival in arrivals:
            bare = known.unpictured(arrival)
            if bare:
                fate = known.fate_beside_twin(arrival)
            else:
                fate = known.fate_of(arrival) or deleted.fate_of(arrival.by_record, arrival.by_picture)
            if fate is None and (would_be := self._would_be.fate_of(arrival)):
                fate = would_be._replace(capture="")
            if fate is None or fate.outcome == Outcome.ALREADY_THERE:
                # What an earlier run took, which was killed, says as well by which text the camera went last.
                definition = self._definitions.used(arrival.device, arrival.record)
            if fate and fate.outcome == Outcome.ALREADY_THERE and arrival.picture:
                arrival.there = known.stored(arrival)
            if fate is None:
                arrival.completes = bare is not None
                arrival.row = row_of(
                    arrival,
                    org=self._org,
                    pk=bare.pk if bare else uuid7(),
                    definition=definition,
                    judge=self._judge,
                )
                # What comes twice in a batch is there the second time; a trial has no rows to ask later.
                (self._would_be if self._dry_run else known).add(arrival.row)
            fates.append(fate)
        return fates

    def _overtaken(self, lost: Sequence[Arrival]) -> dict[Arrival, Fate]:
        """What became of those for which somebody else was quicker: a camera, or another import."""
        known = Known(self._rows_like(lost)) if lost else Known()
        gone = Fate(Outcome.REFUSED, "in_the_way", "Another capture came in between; import again.")
        return {arrival: known.fate_of(arrival) or gone for arrival in lost}

    def _rows_like(self, arrivals: Sequence[Arrival]) -> list[Capture]:
        """The rows that may stand in the way of these, found by the two unique constraints."""
        devices = {arrival.device.pk for arrival in arrivals}
        rows = self._org.captures.filter(device__in=devices).only(
            "device_id", "record_id", "captured_at", "sha256", "storage_key", "thumbnail_key"
        )
        records = rows.filter(record_id__in=[arrival.record.record_id for arrival in arrivals])
        moments = rows.filter(captured_at__in=[arrival.record.captured_at for arrival in arrivals])
        return [*moments, *records]

    # --- bytes, then rows

    def _store(self, new: Sequence[Arrival]) -> list[Arrival]:
        """Write these, and return those that were not taken: their files are gone again."""
        if not new:
            return []
        list(self._threads.map(self._save_bytes, new))
        with transaction.atomic():
            added = self._add([arrival for arrival in new if not arrival.completes])
            taken = added + [arrival for arrival in new if arrival.completes and _complete(arrival)]
            sizes = [len(arrival.picture.data) for arrival in taken if arrival.picture]
            count_imported(org_id=self._org.pk, pictures=len(added), size=sum(sizes))
        lost = [arrival for arrival in new if arrival not in taken]
        for arrival in lost:
            _delete_bytes(arrival)
        return lost

    def _add(self, new: Sequence[Arrival]) -> list[Arrival]:
        """Make the rows, and return those that were made: none where another one stands in the way."""
        rows = [arrival.row for arrival in new if arrival.row]
        Capture.unscoped.bulk_create(rows, ignore_conflicts=True)
        there = set(self._org.captures.filter(pk__in=[row.pk for row in rows]).values_list("pk", flat=True))
        added = [arrival for arrival in new if arrival.row and arrival.row.pk in there]
        Evaluation.unscoped.bulk_create(evaluations_of(added))
        return added

    def _save_bytes(self, arrival: Arrival) -> None:
        row, picture = arrival.row, arrival.picture
        if row is None:
            return
        if picture:
            default_storage.save(row.storage_key, ContentFile(picture.data))
        thumbnail = arrival.thumbnail or (thumbnail_of(picture) if picture else b"")
        if thumbnail:
            default_storage.save(row.thumbnail_key, ContentFile(thumbnail))
        else:
            row.thumbnail_key = ""

    # --- what became of it

    def _imported(self, arrival: Arrival) -> Fate:
        record = arrival.record
        if not arrival.picture and record.image:
            self._tally.note("capture whose picture was pruned, or not copied: only what was found on it is taken")
        elif not arrival.picture:
            self._tally.note("capture whose picture was never stored: only what was found on it is taken")
        if self._definitions.is_missing(record.description):
            self._tally.note("capture names a definition whose text is not there (--config)")
        if doubt := record.metadata.get("clock_doubt"):
            self._tally.note(f"capture of a doubtful moment: {doubt}")
        if not record.finding.verdict:
            self._tally.note("capture without a verdict: " + ("it is judged now" if self._judge else "not judged"))
        return Fate(Outcome.IMPORTED, capture=str(arrival.row.pk) if arrival.row and not self._dry_run else "")

    def _enter(self, arrivals: Sequence[Arrival], fates: Sequence[Fate]) -> None:
        """Note what is to be read again in the end."""
        for arrival, fate in zip(arrivals, fates, strict=True):
            if fate.capture:
                own = fate.outcome == Outcome.IMPORTED
                self._ledger.add(UUID(fate.capture), arrival.sha256, arrival.thumbnail if own else b"")


def _complete(arrival: Arrival) -> bool:
    """Give a row its picture; False when somebody else just did. Of what was found nothing changes."""
    row = arrival.row
    if row is None:
        return False
    fields = ("storage_key", "thumbnail_key", "content_type", "byte_size", "width", "height", "sha256")
    bare = Capture.unscoped.filter(pk=row.pk, storage_key="")
    return bool(bare.update(**{name: getattr(row, name) for name in fields}))


def _delete_bytes(arrival: Arrival) -> None:
    """Not those of a row that somebody else completed: they have the same names."""
    if arrival.row and not arrival.completes:
        for key in filter(None, (arrival.row.storage_key, arrival.row.thumbnail_key)):
            default_storage.delete(key)
