"""The spool: every picture is on the disk before anything else happens to it.

One picture is two files, ``<stem>.jpg`` and the sidecar ``<stem>.json``. The sidecar is written
last and removed first, so a picture is in the spool exactly when its sidecar is.
"""

from __future__ import annotations

import fcntl
import json
import logging
import threading
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any, Optional

from visant_camera.disk import sync_folder, write_durably
from visant_camera.pictures import SUFFIXES, Picture
from visant_camera.records import SPOOL_FILE, DamagedRecord, Record

log = logging.getLogger(__name__)

REFUSED, KEPT, STATE = "refused", "kept", "state"


class SpoolUnavailable(Exception):
    """The folder cannot be used; the text is a sentence for people."""


class Spool:
    """Pictures waiting to be sent. One thread may add while another sends.

    ``limit`` is in bytes, for the waiting pictures and those set aside. ``dropped`` counts what it cost.
    ``state`` is a folder beside the pictures, for whatever else must outlive the process.
    """

    def __init__(self, folder: Path, *, limit: int) -> None:
        self.folder = folder
        self.state = folder / STATE
        self.dropped = 0
        self._limit = limit
        self._guard = threading.Lock()
        try:
            for path in (folder, folder / REFUSED, folder / KEPT, self.state):
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = (folder / ".lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SpoolUnavailable(
                f"Another visant-camera is using the spool folder {folder}; give this one its own (--spool)."
            ) from None
        except OSError as error:
            raise SpoolUnavailable(f"The spool folder {folder} cannot be used: {error.strerror}.") from error
        self._records = {record.record_id: record for record in self._recover()}
        self._used = sum(record.size for record in self._records.values())
        self._used += sum(path.stat().st_size for path in self._set_aside_pictures())

    def __len__(self) -> int:
        return len(self._records)

    def __contains__(self, record_id: str) -> bool:
        return record_id in self._records

    def close(self) -> None:
        self._lock.close()

    @property
    def used(self) -> int:
        """Bytes of the pictures that wait and of those set aside."""
        return self._used

    def add(
        self, picture: Picture, *, trigger_label: str, trigger_id: str = "", important: bool = False
    ) -> Optional[Record]:
        """Keep a picture durably and return its record; None when there is no room for it.

        One that is here already, by its ``record_id``, stays as it is.
        Drops others, with a log line each, to make room: see ``_make_room``. Raises ``OSError`` when the
        disk fails.
        """
        record = Record.of(picture, trigger_label=trigger_label, trigger_id=trigger_id, important=important)
        if record.record_id in self._records:
            return self._records[record.record_id]  # a source that was killed gave it again
        if record.record_id in self:
            return self._records[record.record_id]
        if record.size > self._limit or not self._make_room(record):
            self._count_drop(record.record_id)
            return None
        write_durably(self.folder / record.picture_name, picture.data)
        write_durably(self.folder / record.sidecar_name, record.to_json())
        with self._guard:
            self._records[record.record_id] = record
            self._used += record.size
        return record

    def newest(self, *, skipping: Container[str] = ()) -> Optional[Record]:
        """The picture to send next, so that after an outage people see the present at once."""
        with self._guard:
            return next((r for r in reversed(self._records.values()) if r.record_id not in skipping), None)

    def read(self, record: Record) -> bytes:
        """The picture's bytes; raises ``DamagedRecord`` when they are gone or changed."""
        try:
            return record.check((self.folder / record.picture_name).read_bytes())
        except OSError as error:
            raise DamagedRecord(f"the picture cannot be read ({error.strerror})") from error

    def remove(self, record: Record) -> None:
        """Forget a picture. Nothing happens when it is gone already."""
        with self._guard:
            if self._records.pop(record.record_id, None) is None:
                return
            self._used -= record.size
        (self.folder / record.sidecar_name).unlink(missing_ok=True)
        (self.folder / record.picture_name).unlink(missing_ok=True)

    def set_aside(self, record: Record, where: str, *, reason: dict[str, Any]) -> None:
        """Move a picture out of the line into ``where`` (``REFUSED`` or ``KEPT``), the reason beside it."""
        with self._guard:
            if self._records.pop(record.record_id, None) is None:
                return
        target = self.folder / where
        told = json.dumps({"record_id": record.record_id, **reason}, indent=1)
        write_durably(target / f"{record.stem}.reason.json", told.encode())
        # The sidecar goes last: found alone after a crash, it tells that this move was under way.
        for name in (record.picture_name, record.sidecar_name):
            if (self.folder / name).exists():
                (self.folder / name).replace(target / name)
        sync_folder(target)

    def _make_room(self, newcomer: Record) -> bool:
        """Refused pictures go first, then kept ones, then the oldest that wait, important ones last.

        False when only important ones are left to drop and the newcomer is none.
        """
        while self._used + newcomer.size > self._limit:
            aside = next(self._set_aside_pictures(), None)
            if aside is not None:
                self._drop_aside(aside)
                continue
            oldest = self._first_to_go()
            if oldest is None:
                return True
            if oldest.important and not newcomer.important:
                return False
            self.remove(oldest)
            self._count_drop(oldest.record_id)
        return True

    def _first_to_go(self) -> Optional[Record]:
        with self._guard:
            records = self._records.values()
            return next((r for r in records if not r.important), next(iter(records), None))

    def _drop_aside(self, picture: Path) -> None:
        with self._guard:
            self._used -= picture.stat().st_size
        for path in (picture, picture.with_suffix(".json"), picture.with_suffix(".reason.json")):
            path.unlink(missing_ok=True)
        self._count_drop(picture.stem)

    def _count_drop(self, name: str) -> None:
        self.dropped += 1
        megabytes = self._limit / 2**20
        log.error("dropped %s: the spool is full (%g MB); %d lost so far", name, megabytes, self.dropped)

    def _set_aside_pictures(self) -> Iterator[Path]:
        for where in (REFUSED, KEPT):
            yield from sorted(p for p in (self.folder / where).iterdir() if p.suffix in SUFFIXES.values())

    def _recover(self) -> Iterator[Record]:
        """What the last run left, oldest first; what a crash left half done is finished or cleaned."""
        ours = sorted(path for path in self.folder.iterdir() if SPOOL_FILE.fullmatch(path.name))
        sidecars = [path for path in ours if path.suffix == ".json"]
        whole = {path.stem for path in sidecars}
        for path in ours:
            if path.suffix == ".part" or path.stem not in whole:
                log.warning("cleaned %s, half written when the last run ended", path.name)
                path.unlink()
        for path in sidecars:
            record = self._recover_record(path)
            if record is not None:
                yield record

    def _recover_record(self, sidecar: Path) -> Optional[Record]:
        try:
            record = Record.from_json(sidecar.read_bytes(), stem=sidecar.stem)
        except DamagedRecord as error:
            log.error("put %s into %s/: %s", sidecar.stem, KEPT, error)
            for path in self.folder.glob(f"{sidecar.stem}.*"):
                path.replace(self.folder / KEPT / path.name)
            return None
        if (self.folder / record.picture_name).exists():
            return record
        for where in (REFUSED, KEPT):
            if (self.folder / where / record.picture_name).exists():
                sidecar.replace(self.folder / where / sidecar.name)
                return None
        log.error("lost %s: its picture is not in the spool any more", record.record_id)
        sidecar.unlink()
        return None
