"""Where two schemas differ, and how that is shown."""

from collections.abc import Sequence
from typing import NamedTuple

from visant.schema.catalog import OF_COLUMNS, Catalog, Key

MISSING = "–"
# Longer definitions are cut in the table; the SQL that mends shows them whole.
WIDTH = 48


class Difference(NamedTuple):
    """``expected`` and ``found`` are definitions; None: there is no such thing."""

    key: Key
    expected: str | None
    found: str | None


def compare(reference: Catalog, live: Catalog) -> list[Difference]:
    """Return every difference, both ways. What hangs on a table or a column that is missing is not named again."""
    keys = sorted(reference.things.keys() | live.things.keys(), key=lambda key: key.rank)
    return [
        Difference(key, reference.things.get(key), live.things.get(key))
        for key in keys
        if reference.things.get(key) != live.things.get(key) and not _is_implied(key, reference, live)
    ]


def _is_implied(key: Key, reference: Catalog, live: Catalog) -> bool:
    parents = []
    if key.kind not in ("table", "view", "function"):
        parents.append(Key("table", key.table, ""))
    if key.kind in OF_COLUMNS:
        parents.append(Key("column", key.table, key.name))
    return any((parent in reference.things) != (parent in live.things) for parent in parents)


def table_of(differences: Sequence[Difference]) -> str:
    """Return the differences as a table for people, a line for each."""
    rows = [("kind", "table", "name", "expected", "found")]
    rows += [(*one.key, _cell(one.expected), _cell(one.found)) for one in differences]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _cell(definition: str | None) -> str:
    if definition is None:
        return MISSING
    text = " ".join(definition.split()) or "there"
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"
