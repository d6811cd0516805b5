"""All of an organization into a folder or a zip file: complete, or an error."""

import csv
import io
import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from django.core.files.storage import default_storage
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Prefetch
from django.utils import timezone
from tqdm import tqdm

from captures.evaluation.models import Evaluation
from captures.leaving import telling
from captures.leaving.archive import FORMAT, VERSION, ArchiveWriter
from captures.models import Capture
from orgs import scope
from orgs.export import harmless
from orgs.models import Organization

BATCH = 200


class NotExportable(Exception):
    """Something that belongs into it is not there. ``str()`` is a sentence for people."""


def export_organization(org: Organization, path: Path, *, keep_alive: Any = None) -> dict[str, int]:
    """Write all of an organization to ``path`` (a zip file, if it ends so) and return what was counted.

    Pictures that come meanwhile may be in it or not; one that is deleted meanwhile is not. Raises
    :class:`NotExportable` when an original is missing or not what it was, ArchiveRefused when ``path`` is there,
    and OSError; nothing is left then. ``keep_alive`` is called again and again.
    """
    with scope.within(org.pk):
        writer = ArchiveWriter(path)
        try:
            return _Export(org, writer, keep_alive or (lambda: None)).write()
        except BaseException:
            writer.discard()
            raise


class _Export:
    def __init__(self, org: Organization, writer: ArchiveWriter, keep_alive: Any) -> None:
        self._org = org
        self._writer = writer
        self._keep_alive = keep_alive
        self._sums: dict[str, str] = {}
        self._counts = {"people": 0, "cameras": 0, "captures": 0, "pictures": 0, "bytes": 0, "audit": 0}

    def write(self) -> dict[str, int]:
        # Captures first: what they refer to, like the version of a definition, is there when it is told.
        self._add_captures()
        self._add_json(
            "cameras.json", [telling.camera(row) for row in self._org.devices.order_by("pk")], "cameras"
        )
        members = self._org.memberships.select_related("user").order_by("pk")
        self._add_json("people.json", [telling.person(row) for row in members], "people")
        self._add_lines("audit.jsonl", self._audit())
        self._writer.finish(
            {
                "format": FORMAT,
                "version": VERSION,
                "exported_at": timezone.now().isoformat(),
                "organization": _plain(telling.organization(self._org)),
                "counts": self._counts,
                "files": self._sums,
            }
        )
        return self._counts

    def _add_captures(self) -> None:
        """The list is longer than memory, and a zip file takes one file at a time: it waits on the disk."""
        with ExitStack() as stack:
            lines, table = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(2))
            names = dict(self._org.devices.values_list("pk", "name"))
            table.write(_csv_line(telling.COLUMNS))
            for row in tqdm(self._captures(), "Captures", disable=None):
                told = self._with_files(row)
                if told is None:
                    continue
                lines.write(_line(told))
                label = told["label"]["verdict"] if told["label"] else ""
                cells = {**told, "camera": names.get(row.device_id, ""), "label": label}
                table.write(_csv_line([cells[name] for name in telling.COLUMNS]))
                self._counts["captures"] += 1
                self._keep_alive()
            self._add_file("captures.jsonl", lines)
            self._add_file("captures.csv", table)

    def _captures(self) -> Iterator[Capture]:
        evaluations = Evaluation.unscoped.select_related("definition").order_by("pk")
        rows = (
            self._org.captures.select_related("definition", "label__created_by")
            .prefetch_related(Prefetch("evaluations", evaluations))
            .order_by("pk")
        )
        batch = list(rows[:BATCH])
        while batch:
            yield from batch
            batch = list(rows.filter(pk__gt=batch[-1].pk)[:BATCH])

    def _with_files(self, row: Capture) -> dict[str, Any] | None:
        """Put its files in and return what is told of it; None for one that was deleted meanwhile."""
        try:
            file = self._add_picture(row.storage_key, row.sha256) if row.storage_key else ""
        except FileNotFoundError as error:
            if not self._org.captures.filter(pk=row.pk).exists():
                return None
            raise NotExportable(
                f"A file of the picture {row.record_id} is not in the storage: {row.storage_key}."
            ) from error
        thumbnail = ""
        # Without its thumbnail a picture is whole: the import makes it anew.
        with suppress(FileNotFoundError):
            thumbnail = self._add_picture(row.thumbnail_key, "") if row.thumbnail_key else ""
        return telling.capture(row, file=file, thumbnail=thumbnail)

    def _add_picture(self, key: str, sha256: str) -> str:
        name = f"pictures/{key.partition('/')[2]}"
        with default_storage.open(key) as source:
            found, size = self._writer.add(name, source)
        if sha256 not in ("", found):
            raise NotExportable(f"A picture is not what it was when it came: {key}.")
        self._counts["pictures"] += 1
        self._counts["bytes"] += size
        return name

    def _audit(self) -> Iterator[dict[str, Any]]:
        entries = self._org.auditentrys.order_by("pk")
        batch = list(entries[:BATCH])
        while batch:
            for entry in batch:
                self._counts["audit"] += 1
                yield telling.audit_entry(entry)
            batch = list(entries.filter(pk__gt=batch[-1].pk)[:BATCH])

    def _add_lines(self, name: str, values: Iterator[dict[str, Any]]) -> None:
        with tempfile.TemporaryFile() as file:
            for value in values:
                file.write(_line(value))
            self._add_file(name, file)

    def _add_json(self, name: str, values: list[dict[str, Any]], counted: str) -> None:
        self._counts[counted] = len(values)
        text = json.dumps(values, cls=_Encoder, indent=2, ensure_ascii=False)
        self._add_file(name, io.BytesIO(text.encode()))

    def _add_file(self, name: str, file: IO[bytes]) -> None:
        file.seek(0)
        self._sums[name], _ = self._writer.add(name, file)


class _Encoder(DjangoJSONEncoder):
    """Moments to the microsecond."""

    def default(self, o: Any) -> Any:
        return o.isoformat() if isinstance(o, datetime) else super().default(o)


def _plain(value: dict[str, Any]) -> Any:
    return json.loads(json.dumps(value, cls=_Encoder))


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, cls=_Encoder, ensure_ascii=False).encode() + b"\n"


def _csv_line(cells: Any) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow([harmless(cell) for cell in cells])
    return out.getvalue().encode()
