"""The catalog of a SQLite database: from its pragmas, and where they are silent from the SQL of a table."""

import re
from collections.abc import Iterator
from typing import Any

from visant.schema.catalog import Catalog, Key, plain

OBJECTS = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
_NAME = r"(?:\"(?P<quoted>[^\"]+)\"|(?P<bare>\w+))"
_CONSTRAINT = re.compile(rf"\s*CONSTRAINT\s+{_NAME}\s+", re.IGNORECASE)
_COLUMN = re.compile(rf"\s*{_NAME}")
_KEYWORDS = ("CHECK", "UNIQUE", "FOREIGN", "PRIMARY")


def read(cursor: Any) -> Catalog:
    catalog = Catalog("sqlite")
    for kind, name, table, sql in cursor.execute(OBJECTS).fetchall():
        key = Key(kind, table, "" if kind == "table" else name)
        catalog.statements[key] = sql
        catalog.things[key] = "" if kind == "table" else plain(sql)
        if kind == "table":
            _read_table(cursor, catalog, table, sql)
    return catalog


def _read_table(cursor: Any, catalog: Catalog, table: str, sql: str) -> None:
    items = list(_items(sql))
    keys = []
    for _, name, kind, notnull, default, pk, hidden in _pragma(cursor, "table_xinfo", table):
        catalog.add("column", table, name, "generated" if hidden else "")
        catalog.add("type", table, name, kind.lower() + _collation(items, name))
        catalog.add("nullability", table, name, "NOT NULL" if notnull else "NULL")
        catalog.add("default", table, name, "" if default is None else default)
        if pk:
            keys.append((pk, name))
    columns = ", ".join(name for _, name in sorted(keys))
    counting = " AUTOINCREMENT" if re.search(r"\bAUTOINCREMENT\b", plain(sql), re.IGNORECASE) else ""
    if keys:
        catalog.add("primary key", table, "", f"({columns}){counting}")
    _read_uniques(cursor, catalog, table, items)
    _read_foreign_keys(cursor, catalog, table, items)
    _read_checks(catalog, table, items)


def _read_uniques(cursor: Any, catalog: Catalog, table: str, items: list[str]) -> None:
    named = {_of(rest): name for name, rest in map(_split_constraint, items) if rest.upper().startswith("UNIQUE")}
    for _, index, _, origin, _ in _pragma(cursor, "index_list", table):
        if origin == "u":
            columns = ", ".join(str(row[2]) for row in _pragma(cursor, "index_info", index))
            catalog.add("unique", table, named.get(columns) or columns, f"UNIQUE ({columns})")


def _read_foreign_keys(cursor: Any, catalog: Catalog, table: str, items: list[str]) -> None:
    """The pragma does not tell whether one is deferred; the SQL of its column, or its constraint, does."""
    found: dict[int, list[Any]] = {}
    for row in _pragma(cursor, "foreign_key_list", table):
        found.setdefault(row[0], []).append(row)
    for rows in found.values():
        rows.sort(key=lambda row: row[1])
        ours, theirs = ", ".join(row[3] for row in rows), ", ".join(row[4] or "" for row in rows)
        target, on_update, on_delete = rows[0][2], rows[0][5], rows[0][6]
        own = next((item for item in items if "REFERENCES" in item.upper() and _begins(item, ours)), "")
        deferred = " DEFERRABLE INITIALLY DEFERRED" if "INITIALLY DEFERRED" in plain(own).upper() else ""
        actions = f" ON UPDATE {on_update} ON DELETE {on_delete}{deferred}"
        catalog.add("foreign key", table, ours, f"REFERENCES {target} ({theirs}){actions}")


def _read_checks(catalog: Catalog, table: str, items: list[str]) -> None:
    for item in items:
        name, rest = _split_constraint(item)
        for position, expression in enumerate(_checks(rest)):
            own = name or _column_of(item) or "table"
            catalog.add("check", table, f"{own} {position + 1}" if position else own, f"CHECK {plain(expression)}")


def _pragma(cursor: Any, pragma: str, name: str) -> list[Any]:
    quoted = name.replace('"', '""')
    rows: list[Any] = cursor.execute(f'PRAGMA {pragma}("{quoted}")').fetchall()
    return rows


# --- the SQL of a table


def _items(sql: str) -> Iterator[str]:
    """Yield the columns and constraints between the outermost parentheses."""
    inside = sql[sql.index("(") + 1 : sql.rindex(")")]
    depth, quote, begin = 0, "", 0
    for position, letter in enumerate(inside):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"`":
            quote = letter
        elif letter in "()":
            depth += 1 if letter == "(" else -1
        elif letter == "," and not depth:
            yield inside[begin:position].strip()
            begin = position + 1
    yield inside[begin:].strip()


def _split_constraint(item: str) -> tuple[str, str]:
    """Return the name of a constraint of the table, if it is one and has one, and what follows."""
    match = _CONSTRAINT.match(item)
    return (match["quoted"] or match["bare"], item[match.end() :]) if match else ("", item)


def _of(rest: str) -> str:
    """The columns of ``UNIQUE (…)``, ``FOREIGN KEY (…)``."""
    columns = re.search(r"\(([^)]*)\)", plain(rest))
    return ", ".join(part.strip() for part in columns[1].split(",")) if columns else ""


def _column_of(item: str) -> str:
    match = _COLUMN.match(item)
    name = (match["quoted"] or match["bare"]) if match else ""
    return "" if not match or (match["bare"] or "").upper() in _KEYWORDS else name


def _begins(item: str, columns: str) -> bool:
    rest = _split_constraint(item)[1]
    return _of(rest) == columns if rest.upper().startswith("FOREIGN") else _column_of(item) == columns


def _checks(item: str) -> Iterator[str]:
    """Yield the expression of each CHECK, with its parentheses."""
    for match in re.finditer(r"\bCHECK\s*\(", item, re.IGNORECASE):
        begin = match.end() - 1
        depth, quote = 0, ""
        for position in range(begin, len(item)):
            letter = item[position]
            if quote:
                quote = "" if letter == quote else quote
            elif letter in "'\"":
                quote = letter
            elif letter in "()":
                depth += 1 if letter == "(" else -1
                if not depth:
                    yield item[begin : position + 1]
                    break


def _collation(items: list[str], column: str) -> str:
    own = next((plain(item) for item in items if _column_of(item) == column), "")
    match = re.search(r"\bCOLLATE (\w+)", own, re.IGNORECASE)
    return f" COLLATE {match[1]}" if match else ""
