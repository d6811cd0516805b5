"""A restore that was cut short when its rows were there already, noted in the database that they are in.

The note is a table of its own, so that it can be made in the transaction of the rows, whatever schema they have.
"""

from django.db import connections

TABLE = "visant_unfinished_restore"


def note_restore(backup: str, alias: str) -> None:
    """Say that the rows are those of ``backup``, and that what follows on them is still to be done."""
    with connections[alias].cursor() as cursor:
        cursor.execute(f"CREATE TABLE {TABLE} (backup varchar(255) NOT NULL)")
        cursor.execute(f"INSERT INTO {TABLE} (backup) VALUES (%s)", [backup])  # noqa: S608 - a name of ours


def unfinished_restore(alias: str) -> str | None:
    """Return which backup it is whose restore was cut short, or None."""
    if TABLE not in connections[alias].introspection.table_names():
        return None
    with connections[alias].cursor() as cursor:
        cursor.execute(f"SELECT backup FROM {TABLE}")  # noqa: S608 - a name of ours
        return str(cursor.fetchone()[0])


def note_end(alias: str) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute(f"DROP TABLE {TABLE}")
