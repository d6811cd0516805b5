"""Putting a backup back into an empty installation, on whatever database and storage that has."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.files.storage import default_storage
from django.core.management.color import no_style
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, transaction
from django.db.models import Model
from django.utils.module_loading import import_string
from tqdm import tqdm

from orgs import scope
from visant.backup.errors import BackupError, NotEmpty, StorageAway, StorageInUse, Unfinished
from visant.backup.folder import StoredBackup
from visant.backup.pictures import copy_out, several_at_once
from visant.backup.schema import bring_to, bring_up_to_date, refuse_unknown
from visant.backup.secret_keys import lacking
from visant.backup.secret_marks import replace_marks
from visant.backup.tables import LEFT_OUT, MADE_BY_MIGRATING, insert_rows, models_in_order, points_at_itself
from visant.backup.unfinished import note_begin, note_end, note_rows, unfinished_restore

# Problems that are told one by one; beyond, their number says enough.
MOST_TOLD = 1000


@dataclass
class RestoreReport:
    """What came back. ``outcomes`` counts files, ``problems`` names those that are not what they were.

    ``without_row``: so many files are in the storage of which the backup knows nothing; the sweep waits."""

    rows: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    lacking_secrets: list[str] = field(default_factory=list)
    without_row: int = 0

    @property
    def files(self) -> int:
        return self.outcomes[""] + self.outcomes["there"]

    @property
    def damaged(self) -> int:
        return self.outcomes.total() - self.files - self.outcomes["deleted"]


def restore_backup(backup: StoredBackup, *, into_used_storage: bool = False, quiet: bool = False) -> RestoreReport:
    """Put everything back: the files first, then all rows in one transaction, so that no row is without its bytes.

    Cut short at any point, it goes on when it is run again; until it ended, no process works on the database. An
    older backup is loaded into the schema it was made with and migrated on. Raises :class:`NotEmpty` where there
    are other rows, :class:`Unfinished` where another backup was not restored to its end, unless
    ``into_used_storage`` :class:`StorageInUse` where there are other files than the backup's, and other
    :class:`BackupError`; OSError when the storage is away.
    """
    alias = DEFAULT_DB_ALIAS
    with scope.across_organizations("a restore is of all organizations"):
        refuse_unknown(backup.manifest["migrations"], made_with=backup.manifest["visant"])
        is_loaded = _has_rows_of(backup, alias)
        if not is_loaded:
            _refuse_rows(alias)
        backup.refuse_altered()
        _refuse_bad_storage()
        if not into_used_storage:
            _refuse_storage_in_use(backup)
        if not is_loaded:
            note_begin(backup.identity, alias)
        report = RestoreReport(rows=_rows_in(backup), lacking_secrets=lacking(backup.manifest))
        _put_files_back(backup, report, quiet=quiet)
        if not is_loaded:
            _refuse_rows(alias)  # a web process that has not looked at the note yet may have let somebody sign up
            load_rows(backup, alias, quiet=quiet, loaded=lambda: note_rows(alias))
        bring_up_to_date(alias)
        replace_marks(backup.manifest["secrets"])
        report.without_row = import_string("captures.upkeep.hold_upkeep_after_restore")()
        note_end(alias)
    return report


def load_rows(
    backup: StoredBackup, alias: str, *, quiet: bool = False, loaded: Callable[[], object] = lambda: None
) -> int:
    """Give an empty database the schema of the backup and all its rows, or none; return how many.

    ``loaded`` is called in their transaction.
    """
    registry = bring_to(backup.manifest["migrations"], alias)
    models = {model._meta.label_lower: model for model in models_in_order(registry)}
    with transaction.atomic(using=alias):
        _check_at_once(alias)
        for label in MADE_BY_MIGRATING:
            rows: Any = models[label]._base_manager.using(alias).all()
            rows._raw_delete(alias)
        for table in tqdm(_tables_of(backup), "Tables", disable=quiet or None):
            _load_table(backup, table, models, alias)
        connections[alias].check_constraints()
        _reset_sequences(list(models.values()), alias)
        loaded()
    ContentType.objects.clear_cache()
    return _rows_in(backup)


def _tables_of(backup: StoredBackup) -> list[dict[str, Any]]:
    """An earlier Visant may have written what is left out today."""
    return [table for table in backup.manifest["tables"] if table["model"] not in LEFT_OUT]


def _rows_in(backup: StoredBackup) -> int:
    return sum(table["rows"] for table in _tables_of(backup))


def _has_rows_of(backup: StoredBackup, alias: str) -> bool:
    """Whether an earlier run loaded the rows and was cut short then. Raises :class:`Unfinished`."""
    begun = unfinished_restore(alias)
    if begun is None or not begun.has_rows:
        return False
    if begun.backup != backup.identity:
        raise Unfinished(
            f"The database has the rows of the backup {begun.backup}, whose restore was cut short: name that "
            "backup, and it is restored to its end; or begin with an empty database."
        )
    return True


def _refuse_bad_storage() -> None:
    """Before anything is written; a bucket that is missing is made."""
    for trouble in import_string("captures.storage.checks.storage_trouble")():
        raise StorageAway(f"{trouble.what} {trouble.fix}")


def _refuse_storage_in_use(backup: StoredBackup) -> None:
    """Two installations on one storage would sweep and prune each other's files.

    What a restore was just writing when it was killed is none of another's, and goes.
    """
    intended_key = import_string("captures.storage.files.intended_key")
    drafts: list[str] = []
    # Hashes, for there may be millions; a file that is taken for another by chance is seen by the sweep.
    known = {hash(entry.key) for entry in backup.entries()}
    for found in import_string("captures.upkeep.files_in_use")():
        key = intended_key(found)
        if key != found:
            drafts.append(found)
        if hash(key) not in known:
            raise StorageInUse(
                f"The storage has files that the backup does not know, as {found}. Restore into a folder or "
                "bucket of its own. Only when no other installation uses this one, and what is in it is to be "
                "kept: --into-used-storage (docs/backup.md)."
            )
    for draft in drafts:
        default_storage.delete(draft)


def _put_files_back(backup: StoredBackup, report: RestoreReport, *, quiet: bool) -> None:
    total = backup.manifest["files"]["count"]
    put_back = partial(copy_out, backup=backup, target=default_storage)
    copied = several_at_once(put_back, backup.entries())
    for entry, outcome in tqdm(copied, "Files", total=total, unit=" files", disable=quiet or None):
        report.outcomes[outcome] += 1
        if outcome not in ("", "there") and len(report.problems) < MOST_TOLD:
            report.problems.append(f"{outcome}: {entry.key}")


def _refuse_rows(alias: str) -> None:
    there = set(connections[alias].introspection.table_names())
    for model in models_in_order(apps):
        meta = model._meta
        if meta.label_lower in MADE_BY_MIGRATING or meta.db_table not in there:
            continue
        if _has_rows(meta.db_table, alias):
            raise NotEmpty(
                f"The database has rows ({meta.verbose_name_plural}); a backup is restored into an empty one."
            )


def _has_rows(table: str, alias: str) -> bool:
    """Without the model, whose columns an older schema may lack."""
    with connections[alias].cursor() as cursor:
        name = connections[alias].ops.quote_name(table)
        cursor.execute(f"SELECT 1 FROM {name} LIMIT 1")  # noqa: S608 - a name of ours, quoted
        return cursor.fetchone() is not None


def _load_table(backup: StoredBackup, table: dict[str, Any], models: dict[str, Any], alias: str) -> None:
    if table["model"] not in models:
        raise BackupError(f"The schema of the backup has no table {table['model']}.")
    model = models[table["model"]]
    lines = backup.table(table["file"])
    columns = [name for name, _ in next(lines)["columns"]]
    try:
        if points_at_itself(model):
            with _checked_at_the_end(alias):
                count = insert_rows(model, columns, lines, alias)
        else:
            count = insert_rows(model, columns, lines, alias)
    except (DatabaseError, KeyError, ValueError) as error:
        raise BackupError(f"{table['model']} could not be loaded, and nothing was: {error}") from error
    if count != table["rows"]:
        raise BackupError(f"{table['model']} has {count} rows, and the manifest says {table['rows']}.")


def _check_at_once(alias: str) -> None:
    """PostgreSQL would note each deferred check of each row until the end, in memory."""
    _set_constraints("IMMEDIATE", alias)


@contextmanager
def _checked_at_the_end(alias: str) -> Iterator[None]:
    """Rows that point at others of their table come in any order."""
    _set_constraints("DEFERRED", alias)
    yield
    _set_constraints("IMMEDIATE", alias)


def _set_constraints(when: str, alias: str) -> None:
    if connections[alias].vendor == "postgresql":
        with connections[alias].cursor() as cursor:
            cursor.execute(f"SET CONSTRAINTS ALL {when}")


def _reset_sequences(models: list[type[Model]], alias: str) -> None:
    with connections[alias].cursor() as cursor:
        for statement in connections[alias].ops.sequence_reset_sql(no_style(), models):
            cursor.execute(statement)
