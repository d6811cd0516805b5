"""What a database's schema consists of, as a flat catalog of things that can be compared."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

# What is told apart, in the order in which people read it and in which it can be made.
KINDS = (
    "table",
    "column",
    "type",
    "nullability",
    "default",
    "primary key",
    "unique",
    "check",
    "foreign key",
    "index",
    "row security",
    "policy",
    "function",
    "trigger",
    "view",
)
# What a column is like, each as a thing of its own, so that a difference names just what differs.
OF_COLUMNS = ("type", "nullability", "default")


class Key(NamedTuple):
    """``name`` is empty where a table has only one of a kind."""

    kind: str
    table: str
    name: str

    @property
    def rank(self) -> tuple[str, int, str]:
        return self.table, KINDS.index(self.kind), self.name


@dataclass
class Catalog:
    """``things`` says of each thing how it is defined; ``statements`` (SQLite) the SQL that made it."""

    vendor: str
    things: dict[Key, str] = field(default_factory=dict)
    statements: dict[Key, str] = field(default_factory=dict)

    def add(self, kind: str, table: str, name: str, definition: str) -> None:
        self.things[Key(kind, table, name)] = definition

    def of(self, table: str, *kinds: str) -> Iterator[tuple[Key, str]]:
        """Yield what ``table`` has of ``kinds``, in the order in which it was read."""
        for key, definition in self.things.items():
            if key.table == table and key.kind in kinds:
                yield key, definition

    def without(self, table: str) -> "Catalog":
        """Return the same but for one table."""
        rest = {key: definition for key, definition in self.things.items() if key.table != table}
        return Catalog(self.vendor, rest, self.statements)


def read_catalog(connection: Any) -> Catalog:
    """Read the schema that ``connection`` works in. On PostgreSQL that is the first of its search path.

    Left out is what belongs to an extension, and the order of columns: it says when a column came, and nothing
    may depend on it.
    """
    from visant.schema import postgresql, sqlite

    with connection.cursor() as cursor:
        return sqlite.read(cursor) if connection.vendor == "sqlite" else postgresql.read(cursor)


_PIECES = re.compile(r"('(?:[^']|'')*')|\"((?:[^\"]|\"\")*)\"|\s+|(--[^\n]*|/\*.*?\*/)", re.DOTALL)


def plain(sql: str) -> str:
    """Return SQL as it compares: one space between words, identifiers without quotes, no comments."""

    def piece(match: re.Match[str]) -> str:
        literal, identifier = match[1], match[2]
        return literal if literal is not None else identifier if identifier is not None else " "

    return _PIECES.sub(piece, sql).strip()
