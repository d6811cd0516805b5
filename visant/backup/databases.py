"""Connections beside the usual one: a snapshot to read from, a database to try a backup in."""

import copy
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import DEFAULT_DB_ALIAS, ProgrammingError, connection, connections, transaction
from django.db.utils import load_backend
from psycopg import IsolationLevel

# In memory until the last moment: what is tried is thrown away.
SCRATCH_SQLITE = {"init_command": "PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF;"}


@contextmanager
def snapshot() -> Iterator[str]:
    """Yield the alias of a connection that sees the database as it is at the first query, and goes on to.

    Nobody waits for it: on SQLite it is a read transaction (the usual ones are for writing), on PostgreSQL
    REPEATABLE READ.
    """
    if connection.vendor == "sqlite":
        options = {**connection.settings_dict["OPTIONS"], "transaction_mode": "DEFERRED"}
    else:
        options = _options_without_pool() | {"isolation_level": IsolationLevel.REPEATABLE_READ}
    with _another("snapshot", OPTIONS=options) as alias, transaction.atomic(using=alias):
        if connections[alias].vendor == "postgresql":
            with connections[alias].cursor() as cursor:
                cursor.execute("SET TRANSACTION READ ONLY")
        yield alias


@contextmanager
def scratch() -> Iterator[str]:
    """Yield the alias of a new empty database, which is gone afterwards.

    It is one on the same PostgreSQL where the role may make databases, else a SQLite file.
    """
    name = f"visant_scratch_{secrets.token_hex(6)}"
    if connection.vendor == "postgresql" and _make_database(name):
        try:
            with _another("scratch", NAME=name, OPTIONS=_options_without_pool()) as alias:
                yield alias
        finally:
            _execute(f"DROP DATABASE {name} WITH (FORCE)")
        return
    with tempfile.TemporaryDirectory(prefix="visant-scratch-") as folder:
        file = str(Path(folder) / "scratch.sqlite3")
        engine = "django.db.backends.sqlite3"
        with _another("scratch", ENGINE=engine, NAME=file, OPTIONS=SCRATCH_SQLITE) as alias:
            yield alias


def _make_database(name: str) -> bool:
    try:
        _execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    except ProgrammingError:
        return False  # the role may not
    return True


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _options_without_pool() -> dict[str, Any]:
    return {name: value for name, value in connection.settings_dict["OPTIONS"].items() if name != "pool"}


@contextmanager
def _another(alias: str, **changes: Any) -> Iterator[str]:
    """A connection like the usual one but for ``changes``, for this thread while the block lasts."""
    described = {**copy.deepcopy(connections.settings[DEFAULT_DB_ALIAS]), "CONN_MAX_AGE": 0, **changes}
    connections[alias] = load_backend(described["ENGINE"]).DatabaseWrapper(described, alias)
    try:
        yield alias
    finally:
        connections[alias].close()
        del connections[alias]
