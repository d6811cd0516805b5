"""The archive of a single-tenant Visant: ``YYYY/MM/DD/<record id>.json`` with its pictures beside it."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from captures.inspection import picture_limit
from captures.moving.batches import batches, slices
from captures.moving.cameras import Cameras
from captures.moving.folder import Entry, SourceFolder
from captures.moving.outcomes import Fate, Outcome, Refused, Tally
from captures.moving.pictures import Picture, checked_picture, checked_thumbnail
from captures.moving.records import LARGEST_RECORD, Record, parse_record
from captures.moving.rows import Arrival
from captures.moving.writing import Writer

KIND = "files"
DAY = re.compile(r"\d{4}/\d{2}/\d{2}")
THUMBNAIL = re.compile(r"_thumb\.[A-Za-z0-9]+$")
PICTURE = re.compile(r"\.(jpe?g|png|webp)$", re.IGNORECASE)
READERS = 4
LOADED_AT_ONCE = 16


@dataclass(eq=False)
class Found:
    """A record with the files that are its own, each with what became of it so far."""

    name: str
    files: dict[str, Fate | None] = field(default_factory=dict)
    record: Record | None = None
    picture: Picture | None = None
    thumbnail: bytes = b""
    refusal: Refused | None = None

    @property
    def size(self) -> int:
        return len(self.thumbnail) + (len(self.picture.data) if self.picture else 0)


def import_tree(
    folder: SourceFolder,
    *,
    cameras: Cameras,
    writer: Writer,
    tally: Tally,
    batch: int,
    progress: Callable[[int], object] = lambda files: None,
) -> None:
    """Take over every record of the tree, account for every file; ``progress`` is told of those that are done."""
    with ThreadPoolExecutor(READERS) as threads:
        for path, entries in folder.walk():
            records, others = _grouped(path, entries)
            for name, fate in others.items():
                tally.add(KIND, name, fate)
            progress(len(others))
            loaded = _loaded(folder, records, threads)
            for part in batches(loaded, most=batch, size=lambda found: found.size):
                _write(part, cameras, writer)
                for found in part:
                    _account(found, tally)
                    progress(len(found.files))


def count_files(folder: SourceFolder) -> tuple[int, int]:
    """How many files there are, and how many of them in folders of days."""
    files = in_days = 0
    for path, entries in folder.walk():
        files += len(entries)
        in_days += len(entries) if DAY.fullmatch(path) else 0
    return files, in_days


# --- which files belong together


def _grouped(path: str, entries: list[Entry]) -> tuple[list[Found], dict[str, Fate]]:
    """The records of a day with the files that may be theirs, and what is to be said of all others."""
    if not DAY.fullmatch(path):
        stray = Refused("not_in_a_day", "It lies in no folder of a day (YYYY/MM/DD).")
        inside = f"{path}/" if path else ""
        return [], {f"{inside}{entry.name}": Fate.of(entry.odd or stray) for entry in entries}
    odd = {entry.name: entry.odd for entry in entries}
    stems = {name.removesuffix(".json") for name, reason in odd.items() if name.endswith(".json") and not reason}
    records = {stem: Found(f"{path}/{stem}.json", {f"{path}/{stem}.json": None}) for stem in sorted(stems)}
    others: dict[str, Fate] = {}
    for name, reason in odd.items():
        stem = name.rpartition(".")[0]
        if name.endswith(".json") and stem in stems:
            continue
        owner = stem if stem in stems else THUMBNAIL.sub("", name)
        if owner in stems and PICTURE.search(name):
            records[owner].files[f"{path}/{name}"] = Fate.of(reason) if reason else None
        else:
            others[f"{path}/{name}"] = Fate.of(reason or _stray(name))
    return list(records.values()), others


def _stray(name: str) -> Refused:
    if not PICTURE.search(name):
        return Refused("foreign_file", "It is neither a record nor a picture.")
    if THUMBNAIL.search(name):
        return Refused("thumbnail_without_record", "There is a thumbnail, but no record beside it.")
    return Refused("picture_without_record", "There is a picture, but no record beside it.")


# --- reading


def _loaded(folder: SourceFolder, records: list[Found], threads: ThreadPoolExecutor) -> Iterator[Found]:
    """The records with their pictures, a few ahead of whoever takes them."""
    for few in slices(records, LOADED_AT_ONCE):
        list(threads.map(lambda found: _load(folder, found), few))
        yield from few


def _load(folder: SourceFolder, found: Found) -> None:
    """Read and check a record and its pictures. What is wrong with them stands in ``found`` then."""
    try:
        raw = folder.read(found.name, limit=LARGEST_RECORD)
        found.record = parse_record(raw, name=found.name.rpartition("/")[2])
        _load_picture(folder, found, found.record)
    except Refused as refusal:
        found.refusal = refusal
        return
    _load_thumbnail(folder, found, found.record)


def _load_picture(folder: SourceFolder, found: Found, record: Record) -> None:
    """Take the picture if it is there, whatever the record says: pictures were pruned and their records left."""
    path = _beside(found, record.image or f"{record.record_id}.jpeg")
    if path not in found.files:
        return
    if odd := found.files[path]:
        raise Refused(f"picture_{odd.reason}", f"Its picture cannot be read. {odd.sentence}")
    found.picture = checked_picture(folder.read(path, limit=picture_limit()))


def _load_thumbnail(folder: SourceFolder, found: Found, record: Record) -> None:
    """A thumbnail can be made anew: one that is damaged is refused for itself."""
    path = _beside(found, record.thumbnail or f"{record.record_id}_thumb.jpeg")
    if path not in found.files or found.files[path]:
        return
    try:
        found.thumbnail = checked_thumbnail(folder.read(path, limit=picture_limit()))
    except Refused as refusal:
        sentence = f"{refusal} Another is made of the picture." if found.picture else str(refusal)
        found.files[path] = Fate(Outcome.REFUSED, f"thumbnail: {refusal.reason}", sentence)


def _beside(found: Found, name: str) -> str:
    return f"{found.name.rpartition('/')[0]}/{name}"


# --- writing


def _write(part: list[Found], cameras: Cameras, writer: Writer) -> None:
    arrivals: list[tuple[Found, Arrival]] = []
    for found in part:
        if found.record is None or found.refusal is not None:
            continue
        try:
            device = cameras.of(found.record.device)
        except Refused as refusal:
            found.refusal = refusal
            continue
        arrivals.append((found, Arrival(found.record, device, found.picture, found.thumbnail)))
    fates = writer.write([arrival for _, arrival in arrivals])
    for (found, _), fate in zip(arrivals, fates, strict=True):
        _settle(found, fate)


def _settle(found: Found, fate: Fate) -> None:
    """The files of a record share its fate, but for those that have their own."""
    own = {found.name, *(_beside(found, name) for name in _names_of(found))}
    stray = Refused("unnamed_picture", "The record beside it does not speak of this file.")
    for name, known in found.files.items():
        found.files[name] = known or (fate if name in own else Fate.of(stray))


def _names_of(found: Found) -> list[str]:
    record = found.record
    if record is None:
        return []
    return [
        record.image or f"{record.record_id}.jpeg",
        record.thumbnail or f"{record.record_id}_thumb.jpeg",
    ]


def _account(found: Found, tally: Tally) -> None:
    if found.refusal is not None:
        fate = Fate.of(found.refusal)
        found.files = {name: known or fate for name, known in found.files.items()}
    for name, fate_of_file in found.files.items():
        if fate_of_file is not None:
            tally.add(KIND, name, fate_of_file)
