"""Trying a backup: whether it can be restored is known once it was."""

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from django.apps import apps
from django.utils import timezone
from PIL import Image, UnidentifiedImageError

from orgs import scope
from visant.backup.databases import scratch
from visant.backup.folder import FileEntry, StoredBackup, digest_of
from visant.backup.restoring import load_rows
from visant.backup.schema import applied_migrations, refuse_unknown
from visant.backup.tables import header_of, models_in_order, rows_of
from visant.models import Backup


@dataclass
class VerifyReport:
    """What was tried: so many rows restored and compared, so many files opened. ``problems``: none is good."""

    rows: int
    files: int
    problems: list[str]


def verify_backup(backup: StoredBackup, *, sample: int, quiet: bool = False) -> VerifyReport:
    """Restore the rows into a scratch database and compare each, open ``sample`` random files, and note it.

    Raises :class:`BackupError` when it cannot be restored at all.
    """
    with scope.across_organizations("a backup is of all organizations"):
        refuse_unknown(backup.manifest["migrations"], made_with=backup.manifest["visant"])
        backup.refuse_altered()
        with scratch() as alias:
            rows = load_rows(backup, alias, quiet=quiet)
            problems = _differences(backup, alias)
        chosen = _choose(backup.entries(), sample)
        problems += filter(None, (_look_at(backup, entry) for entry in chosen))
        _note(backup, problems)
    return VerifyReport(rows, len(chosen), problems)


def _differences(backup: StoredBackup, alias: str) -> list[str]:
    """Write the tables anew from the scratch database: the same text, or something was lost on the way.

    Compared as wholes where the models are the backup's; the counts were compared when the rows were loaded.
    """
    if applied_migrations(alias) != backup.manifest["migrations"]:
        return ["The scratch database has other migrations than the backup."]
    models = {model._meta.label_lower: model for model in models_in_order(apps)}
    problems = []
    for table in backup.manifest["tables"]:
        model = models.get(table["model"])
        if model is None or next(backup.table(table["file"])) != json.loads(header_of(model)):
            continue
        digest = sha256(header_of(model))
        for row in rows_of(model, alias):
            digest.update(row)
        if digest.hexdigest() != table["sha256"]:
            problems.append(f"{table['model']}: the restored rows differ from those in the backup.")
    return problems


def _choose(entries: Iterable[FileEntry], count: int) -> list[FileEntry]:
    """So many of the files that are kept, each as likely as any other; in memory are only the chosen."""
    chosen: list[FileEntry] = []
    for number, entry in enumerate(entry for entry in entries if entry.is_kept):
        if len(chosen) < count:
            chosen.append(entry)
        elif (place := random.randrange(number + 1)) < count:  # noqa: S311 - a sample, not a secret
            chosen[place] = entry
    return chosen


def _look_at(backup: StoredBackup, entry: FileEntry) -> str:
    """Whether a file is what it was, and a picture that can be opened unless it was damaged before."""
    try:
        with backup.content(entry).open("rb") as file:
            if digest_of(file) != entry.sha256:
                return f"damaged: {entry.key}"
            if not entry.problem:
                file.seek(0)
                with Image.open(file) as picture:
                    picture.load()
    except FileNotFoundError:
        return f"missing: {entry.key}"
    except (UnidentifiedImageError, OSError) as error:
        return f"cannot be opened: {entry.key} ({error})"
    return ""


def _note(backup: StoredBackup, problems: list[str]) -> None:
    """In this installation, whose operators are told. One that was made elsewhere is none of its."""
    rows = Backup.objects.filter(folder=str(backup.folder.resolve()))
    rows.update(verified_at=timezone.now(), verify_problems=len(problems))
