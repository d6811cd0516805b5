"""A restore that is not finished, noted in the database that its rows go to.

The note is a table of its own: it is made before there is any other, and whatever schema the rows have.
"""

from typing import NamedTuple

from django.db import DEFAULT_DB_ALIAS, connections, transaction

TABLE = "visant_unfinished_restore"
_IS_THERE = {
    "postgresql": "SELECT to_regclass(%s) IS NOT NULL",
    "sqlite": "SELECT count(*) FROM sqlite_master WHERE name = %s",
}


class UnfinishedRestore(NamedTuple):
    """Of which backup; ``has_rows``: they are all there, and what follows on them is still to be done."""

    backup: str
    has_rows: bool


def note_begin(backup: str, alias: str) -> None:
    """Say that the database is being filled with the rows of ``backup``, and is no good to anybody until then."""
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {TABLE}")
        cursor.execute(f"CREATE TABLE {TABLE} (backup varchar(255) NOT NULL, has_rows smallint NOT NULL)")
        cursor.execute(f"INSERT INTO {TABLE} VALUES (%s, 0)", [backup])  # noqa: S608 - a name of ours


def note_rows(alias: str) -> None:
    """Say, in their transaction, that the rows are there."""
    with connections[alias].cursor() as cursor:
        cursor.execute(f"UPDATE {TABLE} SET has_rows = 1")  # noqa: S608 - a name of ours


def unfinished_restore(alias: str = DEFAULT_DB_ALIAS) -> UnfinishedRestore | None:
    """Return what is noted, or None. Where there is nothing it costs one short look at the catalog."""
    with connections[alias].cursor() as cursor:
        cursor.execute(_IS_THERE[connections[alias].vendor], [TABLE])
        if not cursor.fetchone()[0]:
            return None
        cursor.execute(f"SELECT backup, has_rows FROM {TABLE}")  # noqa: S608 - a name of ours
        backup, has_rows = cursor.fetchone()
        return UnfinishedRestore(backup, bool(has_rows))


def lack_of_restore(alias: str = DEFAULT_DB_ALIAS) -> str:
    """Say what is lacking, in the words of ``/readyz`` and of the logs; nothing unless a restore is unfinished."""
    begun = unfinished_restore(alias)
    return f"the restore of the backup {begun.backup} is not finished" if begun else ""


def note_end(alias: str) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute(f"DROP TABLE {TABLE}")
