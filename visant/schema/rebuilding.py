"""Mending a SQLite schema. SQLite changes no constraint in place: a table that differs is built anew.

The twelve steps are those of https://www.sqlite.org/lang_altertable.html#otheralter.
"""

from collections.abc import Iterator, Sequence

from visant.schema.catalog import Catalog, Key
from visant.schema.differences import Difference

OUTSIDE = ("index", "trigger", "view")


def mend(differences: Sequence[Difference], reference: Catalog, live: Catalog) -> list[str]:
    if not differences:
        return []
    rebuilt = sorted({one.key.table for one in differences if one.key.kind not in OUTSIDE})
    statements = [line for table in rebuilt for line in _rebuild(table, reference, live)]
    for one in differences:
        if one.key.table not in rebuilt:
            statements += _replace(one, reference)
    return ["PRAGMA foreign_keys = OFF;", "BEGIN;", *statements, "COMMIT;", "PRAGMA foreign_key_check;"]


def _replace(one: Difference, reference: Catalog) -> Iterator[str]:
    if one.found is not None:
        yield f'DROP {one.key.kind.upper()} "{one.key.name}";'
    if one.expected is not None:
        yield f"{reference.statements[one.key]};"


def _rebuild(table: str, reference: Catalog, live: Catalog) -> Iterator[str]:
    made = reference.statements.get(Key("table", table, ""))
    if made is None:
        yield f'DROP TABLE "{table}";  -- loses what is in it'
        return
    before = [key.name for key, _ in live.of(table, "column")]
    if before:
        yield from _move(table, made, before, reference)
    else:
        yield f"{made};"
    for key, _ in reference.of(table, "index", "trigger"):
        yield f"{reference.statements[key]};"


def _move(table: str, made: str, before: Sequence[str], reference: Catalog) -> Iterator[str]:
    """Its indexes and triggers go with the old one; what points at it does so by name, and stays."""
    after = [key.name for key, _ in reference.of(table, "column")]
    if lost := sorted(set(before) - set(after)):
        yield f"-- loses what is in {', '.join(lost)}"
    for name in after:
        if name not in before and _needs_value(table, name, reference):
            yield f"-- {name} must not be NULL: add a value for the rows that are there"
    columns = ", ".join(f'"{name}"' for name in after if name in before)
    yield made.replace(f'"{table}"', f'"new__{table}"', 1) + ";"
    yield f'INSERT INTO "new__{table}" ({columns}) SELECT {columns} FROM "{table}";'
    yield f'DROP TABLE "{table}";'
    yield f'ALTER TABLE "new__{table}" RENAME TO "{table}";'


def _needs_value(table: str, name: str, reference: Catalog) -> bool:
    things = reference.things
    required = things[Key("nullability", table, name)] == "NOT NULL"
    return required and not things[Key("default", table, name)]
