"""What ``migrate`` would do: each pending migration with its SQL, the locks it takes, and whether it goes back."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor

from visant.schema.locks import lock_of

ROWS = """
    SELECT relname, greatest(reltuples, 0)::bigint FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
"""
NOT_KNOWN_YET = "-- What it does depends on what those before it do; it shows once they are applied."
_NEW_TABLE = re.compile(r"CREATE TABLE \"?(\w+)\"?", re.IGNORECASE)


@dataclass
class Step:
    """``statements`` are pairs of SQL and the lock it takes; an empty lock stands in nobody's way."""

    name: str
    is_reversible: bool
    is_atomic: bool
    statements: list[tuple[str, str]] = field(default_factory=list)


def plan(connection: Any) -> list[Step]:
    """Return the pending migrations, in the order in which they would be applied. Nothing is changed."""
    executor = MigrationExecutor(connection)
    pending = [step for step, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]
    rows, new = _rows_of(connection), set[str]()
    return [_step(connection, executor, migration, rows, new) for migration in pending]


def is_reversible(migration: Migration) -> bool:
    return all(operation.reversible for operation in migration.operations)


def _step(
    connection: Any, executor: MigrationExecutor, migration: Migration, rows: dict[str, int], new: set[str]
) -> Step:
    step = Step(str(migration), is_reversible(migration), migration.atomic)
    for sql in _statements(_sql(connection, executor, migration)):
        new.update(_NEW_TABLE.findall(sql))
        step.statements.append((sql, lock_of(sql, connection.vendor, rows=rows, new=new)))
    return step


def _sql(connection: Any, executor: MigrationExecutor, migration: Migration) -> list[str]:
    state = executor.loader.project_state((migration.app_label, migration.name), at_end=False)
    try:
        with connection.schema_editor(collect_sql=True, atomic=migration.atomic) as editor:
            migration.apply(state, editor, collect_sql=True)
            return list(editor.collected_sql)
    except (DatabaseError, ValueError, LookupError):
        return [NOT_KNOWN_YET]


def _statements(lines: Iterable[str]) -> Iterator[str]:
    """What is no statement says it as a comment; what each operation is about stands in the migration already."""
    for line in lines:
        text = line.strip()
        if text and not (text.startswith("--") and text != NOT_KNOWN_YET and "CANNOT BE WRITTEN" not in text):
            yield text


def _rows_of(connection: Any) -> dict[str, int]:
    """About how many rows each table has, where the database keeps count by itself."""
    if connection.vendor != "postgresql":
        return {}
    with connection.cursor() as cursor:
        cursor.execute(ROWS)
        return dict(cursor.fetchall())
