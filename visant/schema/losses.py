"""What rolling back would take away: tables and columns, with how many rows have something in them."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.core.management.base import CommandError
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState

from orgs import scope
from visant.schema.adopting import MARK
from visant.schema.planning import is_reversible


class Backward(NamedTuple):
    """A migration to roll back; ``target`` is what ``migrate`` is to be told, ``losses`` are for people."""

    name: str
    target: tuple[str, str]
    losses: list[str]


def last_applied(connection: Any, steps: int) -> list[Backward]:
    """Return the last ``steps`` migrations that were applied, the latest first, with what goes with each.

    Raises CommandError when one of them has no way back, or is not known to this code.
    """
    executor = MigrationExecutor(connection)
    applied = MigrationRecorder(connection).migration_qs.exclude(app=MARK).order_by("-pk")
    names = list(applied.values_list("app", "name")[:steps])
    if len(names) < steps:
        raise CommandError(f"Only {len(names)} migrations are applied.")
    with scope.across_organizations("what would be lost is counted in all organizations"):
        return [_backward(connection, executor, app, name) for app, name in names]


def _backward(connection: Any, executor: MigrationExecutor, app: str, name: str) -> Backward:
    migration = executor.loader.disk_migrations.get((app, name))
    if migration is None:
        raise CommandError(f"This code does not have {app}.{name}; roll it back with the code that does.")
    if not is_reversible(migration):
        raise CommandError(f"{migration} has no way back; restore a backup instead.")
    parents = [parent for parent in executor.loader.graph.node_map[(app, name)].parents if parent.key[0] == app]
    before = max((parent.key[1] for parent in parents), default="zero")
    return Backward(str(migration), (app, before), _losses(connection, executor, migration))


def _losses(connection: Any, executor: MigrationExecutor, migration: Migration) -> list[str]:
    key = (migration.app_label, migration.name)
    before = executor.loader.project_state(key, at_end=False)
    after = executor.loader.project_state(key, at_end=True)
    with connection.cursor() as cursor:
        ours, theirs = _columns(after), _columns(before)
        gone = [_table_lost(cursor, table) for table in sorted(ours.keys() - theirs.keys())]
        for table in sorted(ours.keys() & theirs.keys()):
            gone += [_column_lost(cursor, table, column) for column in sorted(ours[table] - theirs[table])]
            gone += [f"column {table}.{column} comes back empty" for column in sorted(theirs[table] - ours[table])]
        return gone


def _columns(state: ProjectState) -> dict[str, set[str]]:
    return dict(_tables(state))


def _tables(state: ProjectState) -> Iterator[tuple[str, set[str]]]:
    for model in state.apps.get_models(include_auto_created=True):
        if model._meta.managed and not model._meta.proxy:
            yield model._meta.db_table, {str(field.column) for field in model._meta.local_concrete_fields}


def _table_lost(cursor: Any, table: str) -> str:
    return f"table {table} with {_count(cursor, table, 'count(*)'):,} rows"


def _column_lost(cursor: Any, table: str, column: str) -> str:
    filled = _count(cursor, table, f'count("{column}")')
    return f"column {table}.{column}, which has a value in {filled:,} rows"


def _count(cursor: Any, table: str, what: str) -> int:
    cursor.execute(f'SELECT {what} FROM "{table}"')
    return int(cursor.fetchone()[0])
