"""The schema that the models and migrations of this code make: made anew, in a scratch place, and read."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from django.apps import apps
from django.core.management.base import CommandError
from django.db import ProgrammingError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.questioner import NonInteractiveMigrationQuestioner
from django.db.migrations.state import ProjectState
from django.db.utils import load_backend

from visant.schema.catalog import Catalog, read_catalog
from visant.schema.locking import REFERENCE, advisory_lock

SCHEMA = "visant_reference"


class ModelsChanged(CommandError):
    """The models are ahead of the migrations, so that neither says what the schema should be."""


@cache
def read_reference() -> Catalog:
    """Return the schema that the database should have. A process makes it once: its code stays as it is.

    Models say nothing of policies and triggers, migrations do; so all migrations run, in memory for SQLite, in a
    schema of its own for PostgreSQL, which is dropped again. That models and migrations agree is looked at first
    (:class:`ModelsChanged`).
    """
    with scratch_database() as connection:
        executor = MigrationExecutor(connection)
        _refuse_changed_models(executor)
        executor.migrate(executor.loader.graph.leaf_nodes())
        return read_catalog(connection)


def _refuse_changed_models(executor: MigrationExecutor) -> None:
    graph = executor.loader.graph
    questioner = NonInteractiveMigrationQuestioner(specified_apps=None, dry_run=True)
    detector = MigrationAutodetector(executor.loader.project_state(), ProjectState.from_apps(apps), questioner)
    changes = detector.changes(graph=graph)
    if changes:
        raise ModelsChanged(
            f"The models of {', '.join(sorted(changes))} have changes that no migration makes; "
            "run manage.py makemigrations."
        )


@contextmanager
def scratch_database(schema: str = SCHEMA) -> Iterator[BaseDatabaseWrapper]:
    """Let this thread work on an empty database instead of the real one, and throw it away in the end.

    In its place, not beside it: what a migration runs in Python may speak of the default database. ``schema`` is
    what it is called on PostgreSQL, where there is one of a name at a time.
    """
    live = connections["default"]
    with _empty_memory(live) if live.vendor == "sqlite" else _empty_schema(live, schema) as scratch:
        connections["default"] = scratch
        try:
            yield scratch
        finally:
            connections["default"] = live


@contextmanager
def _empty_memory(live: Any) -> Iterator[BaseDatabaseWrapper]:
    scratch = another(live, NAME=":memory:")
    try:
        yield scratch
    finally:
        BaseDatabaseWrapper.close(scratch)  # Django's own would keep what is in memory


@contextmanager
def _empty_schema(live: Any, schema: str) -> Iterator[BaseDatabaseWrapper]:
    options = {name: value for name, value in live.settings_dict["OPTIONS"].items() if name != "pool"}
    given = options.get("options", "")
    options["options"] = f"{given} -c search_path={schema} -c synchronous_commit=off".strip()
    scratch = another(live, OPTIONS=options)
    try:
        # One at a time: so what a killed one left behind can be told from what another is at.
        with advisory_lock(scratch, REFERENCE + zlib.crc32(schema.encode())), scratch.cursor() as cursor:
            _drop(cursor, schema)
            try:
                cursor.execute(f"CREATE SCHEMA {schema}")
            except ProgrammingError as error:
                raise CommandError(
                    f"The schema to compare with is made in a schema of its own, {schema}, and the role may not "
                    "create one. Let the database's owner say: GRANT CREATE ON DATABASE … TO …;"
                ) from error
            try:
                yield scratch
            finally:
                _drop(cursor, schema)
    finally:
        scratch.close()


def _drop(cursor: Any, schema: str) -> None:
    cursor.execute("SET client_min_messages = warning")  # not a notice for each of a hundred tables
    cursor.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def another(live: Any, **settings: Any) -> BaseDatabaseWrapper:
    """Return a connection like ``live``, not open yet, with other ``settings`` where they are given."""
    backend = load_backend(live.settings_dict["ENGINE"])
    wrapper: BaseDatabaseWrapper = backend.DatabaseWrapper({**live.settings_dict, **settings}, live.alias)
    return wrapper
