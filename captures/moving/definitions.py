"""The texts by which pictures were judged: each becomes a version of its camera's definition."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from captures.evaluation.models import Definition
from captures.evaluation.teaching import activate_imported, import_definition
from captures.moving.folder import SourceFolder
from captures.moving.outcomes import Refused, Tally
from captures.moving.records import Record
from devices.models import Device
from orgs.storable import NotStorable, refuse_unstorable

FOLDER = "normal_descriptions"
LARGEST_TEXT = 256 * 1024


class Definitions:
    """Versions by the names of their texts. Nothing is written with ``dry_run``."""

    def __init__(self, texts: Mapping[str, str], *, dry_run: bool) -> None:
        self._texts = texts
        self._dry_run = dry_run
        self._known: dict[tuple[Device, str], Definition] = {}
        self._newest: dict[Device, tuple[datetime, Definition]] = {}

    def used(self, device: Device, record: Record) -> Definition | None:
        """The version a record was judged by; None when it names none, or the text is not there."""
        definition = self._version(device, record.description)
        newest = self._newest.get(device)
        if definition is not None and (newest is None or newest[0] < record.captured_at):
            self._newest[device] = (record.captured_at, definition)
        return definition

    def _version(self, device: Device, name: str) -> Definition | None:
        text = self._texts.get(name)
        if not name or text is None:
            return None
        if (device, name) not in self._known:
            if self._dry_run:
                self._known[device, name] = Definition(device=device, text=text)
            else:
                self._known[device, name] = import_definition(device=device, text=text, acting_user=None)
        return self._known[device, name]

    def is_missing(self, name: str) -> bool:
        """Whether a record names a text that is not there."""
        return bool(name) and name not in self._texts

    def activate(self) -> None:
        """Let each camera that has no active version go on by the one that was used last."""
        for device, (_, definition) in self._newest.items():
            activate_imported(device=device, definition=definition, acting_user=None)


def read_texts(config: Path, tally: Tally) -> dict[str, str]:
    """The texts of a configuration folder by the names of their files. What cannot be read is noted."""
    folder, texts = SourceFolder(config), {}
    try:
        for path, entries in folder.walk():
            if path != FOLDER:
                continue
            for entry in entries:
                try:
                    texts[entry.name] = _read_text(folder, f"{FOLDER}/{entry.name}")
                except Refused as refusal:
                    tally.note(f"the text {entry.name!a} is left out: {refusal}")
    finally:
        folder.close()
    return texts


def _read_text(folder: SourceFolder, path: str) -> str:
    try:
        text = folder.read(path, limit=LARGEST_TEXT).decode("utf-8-sig").strip()
        refuse_unstorable({"text": text}, limit=LARGEST_TEXT)
    except (UnicodeDecodeError, NotStorable) as error:
        raise Refused("no_text", "It is no text in UTF-8.") from error
    return text
