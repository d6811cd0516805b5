"""The files that the rows of a backup speak of: found in its tables, kept once, listed in one order."""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.files.storage import default_storage
from tqdm import tqdm

from visant.backup.folder import FILES, FileEntry, StoredBackup, TextFile, content_path, write_line
from visant.backup.pictures import Wanted, copy_in, refuse_storage_away, several_at_once

# What makes a backup one with damage. A file that was deleted together with its row is none.
DAMAGE = ("missing", "unreadable", "damaged")


def write_files(folder: Path, before: StoredBackup | None, *, quiet: bool) -> dict[str, Any]:
    """Keep the files of the backup begun in ``folder`` and return what its manifest says of them.

    What the backup ``before`` has is not read again. A file that is not there or not what its row says is listed.
    """
    counts: dict[str, int] = {}
    kept, size = 0, 0
    keep = partial(_keep, root=folder.parent)
    pairs = _with_earlier(_wanted_files(folder), before.entries() if before else iter(()))
    entries = map(_or_deleted, refuse_storage_away(several_at_once(keep, pairs)))
    with TextFile(folder, FILES) as file:
        for entry in tqdm(entries, "Files", unit=" files", disable=quiet or None):
            write_line(file, entry)
            kept += entry.is_kept
            size += entry.size
            if entry.problem:
                counts[entry.problem] = counts.get(entry.problem, 0) + 1
    return file.described(count=file.count, kept=kept, bytes=size, problems=counts)


def _wanted_files(folder: Path) -> Iterator[Wanted]:
    """From the tables as they were written: by model, then by primary key."""
    for label in sorted(settings.BACKED_UP_FILES):
        [table] = (folder / "tables").glob(f"*-{label}.jsonl.gz")
        rows = StoredBackup(folder, {}).table(f"tables/{table.name}")
        names = [name for name, _ in next(rows)["columns"]]
        key = names.index(apps.get_model(label)._meta.pk.attname)
        for row in rows:
            for number, (column, checksum) in enumerate(settings.BACKED_UP_FILES[label]):
                if name := row[names.index(column)]:
                    sha256 = row[names.index(checksum)] if checksum else ""
                    yield Wanted((label, str(row[key]), number), name, sha256)


def _with_earlier(
    wanted: Iterable[Wanted], earlier: Iterator[FileEntry]
) -> Iterator[tuple[Wanted, FileEntry | None]]:
    """Lay two lists of one order side by side, so that neither needs to be in memory."""
    entry = next(earlier, None)
    for one in wanted:
        while entry is not None and entry.place < one.place:
            entry = next(earlier, None)
        yield one, entry if entry is not None and entry.place == one.place else None


def _keep(pair: tuple[Wanted, FileEntry | None], *, root: Path) -> FileEntry:
    wanted, earlier = pair
    if earlier is not None and _is_still(earlier, wanted, root):
        return earlier
    return copy_in(wanted, source=default_storage, root=root)


def _is_still(earlier: FileEntry, wanted: Wanted, root: Path) -> bool:
    """Whether the backup before has this file already. A key means the same bytes for ever."""
    if earlier.problem or earlier.key != wanted.key or wanted.sha256 not in ("", earlier.sha256):
        return False
    try:
        return content_path(root, earlier.sha256).stat().st_size == earlier.size
    except FileNotFoundError:
        return False


def _or_deleted(entry: FileEntry) -> FileEntry:
    """A file that went together with its row, since the tables were read, is no damage."""
    label, pk, _ = entry.place
    if entry.problem == "missing" and not apps.get_model(label)._base_manager.filter(pk=pk).exists():
        return entry._replace(problem="deleted")
    return entry


def listed_problems(backup: StoredBackup) -> Iterator[str]:
    """Each file that is not in the backup as its row speaks of it."""
    return (f"{entry.problem}: {entry.key}" for entry in backup.entries() if entry.problem in DAMAGE)
