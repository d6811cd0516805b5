"""Row-level security as steps of a migration. On SQLite, which has none, the tables stay as they are."""

from collections.abc import Sequence
from typing import Any

from django.db.migrations.operations import RunSQL
from django.db.migrations.operations.base import Operation

from orgs import scope

POLICY = "visant_one_organization"
# Subqueries, so that the setting is read once a query and not once a row. ``''`` is what RESET leaves.
_SCOPE = "(SELECT current_setting('visant.scope', true))"
_ORG = "(SELECT nullif(nullif(current_setting('visant.scope', true), ''), '*')::uuid)"
CONDITION = f"{_SCOPE} = '*' OR org_id = {_ORG}"


class ProtectTables(Operation):
    """Show and take rows of ``tables`` only as ``orgs/scope.py`` says; the owner of the tables is bound, too."""

    reversible = True
    reduces_to_sql = True

    def __init__(self, tables: Sequence[str]) -> None:
        self.tables = list(tables)

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The models stay as they are."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor != "postgresql":
            return
        for table in self.tables:
            schema_editor.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            schema_editor.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
            schema_editor.execute(f"CREATE POLICY {POLICY} ON {table} USING ({CONDITION})")

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor != "postgresql":
            return
        for table in self.tables:
            schema_editor.execute(f"DROP POLICY {POLICY} ON {table}")
            schema_editor.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
            schema_editor.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")

    def describe(self) -> str:
        return f"Row-level security on {', '.join(self.tables)}"


class ChangeRows(RunSQL):
    """SQL that changes rows of all organizations; by ``RunSQL`` alone it would see none of protected tables."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        with scope.across_organizations("a migration changes rows of all organizations"):
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        with scope.across_organizations("a migration is taken back for all organizations"):
            super().database_backwards(app_label, schema_editor, from_state, to_state)


class SameOrganization(Operation):
    """A row of ``table`` belongs to the organization of the row its ``column`` points at: a fact of the database.

    ``target`` is that row's table, which must be unique by its key and organization.
    """

    reversible = True
    reduces_to_sql = True

    def __init__(self, table: str, column: str, target: str) -> None:
        self.table = table
        self.column = column
        self.target = target

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The models stay as they are."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor != "postgresql":
            return
        schema_editor.execute(
            f"ALTER TABLE {self.table} ADD CONSTRAINT {self._name} "
            f"FOREIGN KEY ({self.column}, org_id) REFERENCES {self.target} (id, org_id) "
            "DEFERRABLE INITIALLY DEFERRED"
        )

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"ALTER TABLE {self.table} DROP CONSTRAINT {self._name}")

    def describe(self) -> str:
        return f"{self.column} of {self.table} stays within the organization"

    @property
    def _name(self) -> str:
        return f"{self.table}_{self.column.removesuffix('_id')}_same_organization"
