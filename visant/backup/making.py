"""Making a backup: the rows of one moment, then the files they speak of."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connection
from django.utils import timezone
from tqdm import tqdm

from orgs import scope
from visant.backup.databases import snapshot
from visant.backup.files import DAMAGE, write_files
from visant.backup.folder import (
    FORMAT,
    StoredBackup,
    TextFile,
    complete_backups,
    keep_newest,
    locked,
    remove_incomplete,
    sign_off,
)
from visant.backup.schema import applied_migrations, refuse_pending
from visant.backup.secret_keys import fingerprints, write_secrets
from visant.backup.tables import header_of, models_in_order, rows_of
from visant.models import Backup
from visant.version import version


def make_backup(
    root: Path, *, keep: int | None = None, with_secrets: bool = False, recheck: bool = False, quiet: bool = False
) -> StoredBackup:
    """Back up everything into a new folder of ``root`` and return it; the service goes on meanwhile.

    A picture that is missing or damaged is listed in it and does not end it. ``keep``: so many backups stay.
    ``recheck``: read again what is in ``root`` of earlier ones. Raises :class:`BackupError`, or OSError.
    """
    with locked(root), scope.across_organizations("a backup is of all organizations"):
        refuse_pending(DEFAULT_DB_ALIAS)
        remove_incomplete(root)
        before = complete_backups(root)
        folder = _new_folder(root)
        tables, migrations, made_at = _write_tables(folder, quiet=quiet)
        files = write_files(folder, None if recheck or not before else before[-1], quiet=quiet)
        if with_secrets:
            write_secrets(folder)
        backup = sign_off(
            folder,
            {
                "format": FORMAT,
                "visant": version(),
                "made_at": made_at.isoformat(),
                "database": connection.vendor,
                "migrations": migrations,
                "tables": tables,
                "files": files,
                "secrets": fingerprints(),
                "with_secrets": with_secrets,
            },
        )
        _note(backup, made_at)
        if keep:
            keep_newest(root, keep)
    return backup


def problems_of(backup: StoredBackup) -> int:
    """How many of its files are not what the rows speak of."""
    counts: dict[str, int] = backup.manifest["files"]["problems"]
    return sum(counts.get(problem, 0) for problem in DAMAGE)


def _new_folder(root: Path) -> Path:
    (root / "pictures").mkdir(mode=0o700, exist_ok=True)
    for draft in (root / "pictures").glob(".*.part"):
        draft.unlink()
    folder = root / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S.%fZ}"
    folder.mkdir(mode=0o700)
    (folder / "tables").mkdir()
    return folder


def _write_tables(folder: Path, *, quiet: bool) -> tuple[list[dict[str, Any]], dict[str, list[str]], datetime]:
    """All tables as they are at one moment, which is returned with them."""
    tables = []
    with snapshot() as alias:
        migrations, made_at = applied_migrations(alias), timezone.now()
        models = models_in_order(apps)
        for number, model in enumerate(tqdm(models, "Tables", disable=quiet or None), start=1):
            label = model._meta.label_lower
            with TextFile(folder, f"tables/{number:03}-{label}.jsonl.gz") as file:
                file.write(header_of(model))
                for row in rows_of(model, alias):
                    file.write(row)
            tables.append(file.described(model=label, rows=file.count - 1))
    return tables, migrations, made_at


def _note(backup: StoredBackup, made_at: datetime) -> None:
    """What the admin and the check tell of it."""
    files = backup.manifest["files"]
    Backup.objects.create(
        folder=str(backup.folder.resolve()),
        made_at=made_at,
        rows=sum(table["rows"] for table in backup.manifest["tables"]),
        files=files["kept"],
        bytes=files["bytes"],
        problems=problems_of(backup),
    )
