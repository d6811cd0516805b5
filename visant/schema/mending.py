"""The SQL that makes a schema the expected one. It is shown, and run by whoever has read it."""

from collections.abc import Callable, Sequence

from visant.schema import rebuilding
from visant.schema.catalog import KINDS, Catalog, Key
from visant.schema.differences import Difference

CONSTRAINTS = ("primary key", "unique", "check", "foreign key")
_LOSES = "  -- loses what is in it"


def mend(differences: Sequence[Difference], reference: Catalog, live: Catalog) -> list[str]:
    """Return the statements, in the order in which they can be run; comments say where data is lost or needed."""
    if reference.vendor == "sqlite":
        return rebuilding.mend(differences, reference, live)
    # What hangs on other things goes first and comes last.
    order = sorted(differences, key=lambda one: (KINDS.index(one.key.kind), one.key))
    statements = [line for one in reversed(order) if one.found is not None for line in _drop(one)]
    for one in order:
        if one.expected is not None:
            statements += _make(one, reference)
    return statements


# --- PostgreSQL


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _drop(one: Difference) -> list[str]:
    """What is there and should not be, or should be otherwise and cannot be changed in place."""
    kind, table, name = one.key
    on, own = quote(table), quote(name)
    statements: dict[str, Callable[[], str]] = {
        "index": lambda: f"DROP INDEX {own};",
        "policy": lambda: f"DROP POLICY {own} ON {on};",
        "trigger": lambda: f"DROP TRIGGER {own} ON {on};",
        "view": lambda: f"DROP VIEW {on};",
        **dict.fromkeys(CONSTRAINTS, lambda: f"ALTER TABLE {on} DROP CONSTRAINT {own};"),
    }
    if kind in statements:
        return [statements[kind]()]
    if one.expected is not None:
        return []  # it is changed, or replaced as a function is
    if kind == "function":
        return [f"DROP FUNCTION {name};"]
    if kind == "column":
        return [f"ALTER TABLE {on} DROP COLUMN {own};{_LOSES}"]
    return [f"DROP TABLE {on} CASCADE;{_LOSES}"] if kind == "table" else []


def _make(one: Difference, reference: Catalog) -> list[str]:
    kind, table, name = one.key
    definition, on, own = one.expected or "", quote(table), quote(name)
    if kind == "table":
        return _make_table(table, reference)
    if kind == "column":
        if one.found is None:
            return [
                f"ALTER TABLE {on} ADD COLUMN {_column(table, name, reference)};{_needs_value(one, reference)}"
            ]
        return [_change_identity(one)]
    if kind in CONSTRAINTS:
        return [f"ALTER TABLE {on} ADD CONSTRAINT {own} {definition};"]
    if kind == "row security":
        return _row_security(on, definition)
    alter, default = f"ALTER TABLE {on} ALTER COLUMN {own}", f"SET DEFAULT {definition}"
    changes = {
        "type": f"{alter} TYPE {definition} USING {own}::{definition.split(' COLLATE')[0]};",
        "nullability": f"{alter} {'SET' if 'NOT' in definition else 'DROP'} NOT NULL;",
        "default": f"{alter} {default if definition else 'DROP DEFAULT'};",
        "policy": f"CREATE POLICY {own} ON {on} {definition};",
        "view": f"CREATE VIEW {on} AS {definition}",
    }
    return [changes.get(kind) or f"{definition};"]  # of an index, a trigger, a function it is the statement


def _make_table(table: str, reference: Catalog) -> list[str]:
    columns = [_column(table, key.name, reference) for key, _ in reference.of(table, "column")]
    statements = [f"CREATE TABLE {quote(table)} (\n    " + ",\n    ".join(columns) + "\n);"]
    rest = [*CONSTRAINTS, "index", "row security", "policy", "trigger"]
    for kind in rest:
        for key, definition in reference.of(table, kind):
            statements += _make(Difference(key, definition, None), reference)
    return statements


def _column(table: str, name: str, reference: Catalog) -> str:
    things = reference.things
    default = things[Key("default", table, name)]
    parts = [
        quote(name),
        things[Key("type", table, name)],
        things[Key("column", table, name)],
        f"DEFAULT {default}" if default else "",
        "NOT NULL" if things[Key("nullability", table, name)] == "NOT NULL" else "",
    ]
    return " ".join(filter(None, parts))


def _needs_value(one: Difference, reference: Catalog) -> str:
    _, table, name = one.key
    needs = reference.things[Key("nullability", table, name)] == "NOT NULL"
    has = reference.things[Key("default", table, name)] or one.expected
    return "  -- name a DEFAULT for the rows that are there" if needs and not has else ""


def _change_identity(one: Difference) -> str:
    start = f"ALTER TABLE {quote(one.key.table)} ALTER COLUMN {quote(one.key.name)}"
    return f"{start} ADD {one.expected};" if one.expected else f"{start} DROP IDENTITY;"


def _row_security(on: str, definition: str) -> list[str]:
    enable = "ENABLE" if "enabled" in definition else "DISABLE"
    force = "FORCE" if "forced" in definition else "NO FORCE"
    return [f"ALTER TABLE {on} {enable} ROW LEVEL SECURITY;", f"ALTER TABLE {on} {force} ROW LEVEL SECURITY;"]
