"""Steps of migrations that keep out of the way of others, on both databases.

PostgreSQL builds an index beside the work that goes on, and takes a constraint first for new rows and then for
those that are there. SQLite knows neither, and has one writer anyhow; there the same steps are done plainly.
"""

from collections.abc import Callable
from typing import Any

from django.contrib.postgres import operations
from django.db import migrations

# Few enough that the rows of a batch are locked for a blink.
BATCH = 2000


class AddIndexConcurrently(operations.AddIndexConcurrently):
    """Reads and writes go on while it is built; the migration must be ``atomic = False``, and this its only step.

    What an attempt that was cut off left behind, an invalid index, is dropped before the next.
    """

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor != "postgresql":
            migrations.AddIndex.database_forwards(self, app_label, schema_editor, from_state, to_state)
            return
        name = schema_editor.quote_name(self.index.name)
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor != "postgresql":
            migrations.AddIndex.database_backwards(self, app_label, schema_editor, from_state, to_state)
            return
        super().database_backwards(app_label, schema_editor, from_state, to_state)


class AddUniqueIndexConcurrently(migrations.AddConstraint):
    """A unique constraint with a condition, which is an index to the database, built as one of those above."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        self._drop(schema_editor)
        sql = str(self.constraint.create_sql(to_state.apps.get_model(app_label, self.model_name), schema_editor))
        schema_editor.execute(sql.replace("CREATE UNIQUE INDEX", "CREATE UNIQUE INDEX CONCURRENTLY", 1))

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor != "postgresql":
            super().database_backwards(app_label, schema_editor, from_state, to_state)
            return
        self._drop(schema_editor)

    def _drop(self, schema_editor: Any) -> None:
        name = schema_editor.quote_name(self.constraint.name)
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


class AddConstraintNotValid(operations.AddConstraintNotValid):
    """A check that holds for new rows from now on; :class:`ValidateConstraint` follows, in the next migration."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor != "postgresql":
            migrations.AddConstraint.database_forwards(self, app_label, schema_editor, from_state, to_state)
            return
        super().database_forwards(app_label, schema_editor, from_state, to_state)


class ValidateConstraint(operations.ValidateConstraint):
    """Look whether it holds for all rows, while reads and writes go on. On SQLite it does already."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)


class Backfill(migrations.RunPython):
    """Write to many rows in batches, each a transaction of its own; the migration must be ``atomic = False``.

    ``change(model, pks)`` writes to the rows of those keys. ``left(model)`` returns the rows that are still to be
    written: cut off in the middle, it goes on with them. Backwards it does nothing.
    """

    def __init__(
        self,
        model: str,
        *,
        left: Callable[[Any], Any],
        change: Callable[[Any, list[Any]], Any],
        batch: int = BATCH,
    ) -> None:
        self.model, self.left, self.change, self.batch = model, left, change, batch
        super().__init__(self._run, migrations.RunPython.noop, atomic=False)

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        options = {"left": self.left, "change": self.change, "batch": self.batch}
        return type(self).__name__, [self.model], options

    def _run(self, apps: Any, schema_editor: Any) -> None:
        model = apps.get_model(self.model)
        last = None
        while True:
            rows = self.left(model).order_by("pk")
            if last is not None:
                rows = rows.filter(pk__gt=last)
            pks = list(rows.values_list("pk", flat=True)[: self.batch])
            if not pks:
                return
            self.change(model, pks)
            last = pks[-1]

    def describe(self) -> str:
        return f"Write to {self.model} in batches of {self.batch}"
