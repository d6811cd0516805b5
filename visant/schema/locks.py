"""Which lock a statement takes, and who waits for it (https://www.postgresql.org/docs/current/explicit-locking.html)."""

import re
from collections.abc import Collection, Mapping

_TABLE = r"(?:ONLY )?\"?(?P<table>\w+)\"?"
_ALL_ROWS = "reads and writes wait while every row is read"
_SHORT = "reads and writes wait for a moment"
_WRITES = "writes wait while every row is read"
_NOBODY = "reads and writes go on"

# The first that fits counts. What is not here takes no lock on a table that is in use.
POSTGRESQL = [
    (rf"CREATE (?:UNIQUE )?INDEX CONCURRENTLY .*? ON {_TABLE}", "SHARE UPDATE EXCLUSIVE", _NOBODY),
    (rf"CREATE (?:UNIQUE )?INDEX .*? ON {_TABLE}", "SHARE", _WRITES),
    (r"DROP INDEX CONCURRENTLY (?P<table>)", "SHARE UPDATE EXCLUSIVE", _NOBODY),
    (r"DROP INDEX (?P<table>)", "ACCESS EXCLUSIVE", _SHORT),
    (rf"ALTER TABLE {_TABLE} VALIDATE CONSTRAINT", "SHARE UPDATE EXCLUSIVE", _NOBODY),
    (
        rf"ALTER TABLE {_TABLE} ADD CONSTRAINT .*FOREIGN KEY.*NOT VALID",
        "SHARE ROW EXCLUSIVE",
        "writes wait for a moment",
    ),
    (rf"ALTER TABLE {_TABLE} ADD CONSTRAINT .*FOREIGN KEY", "SHARE ROW EXCLUSIVE", _WRITES),
    (rf"ALTER TABLE {_TABLE} ADD CONSTRAINT .*NOT VALID", "ACCESS EXCLUSIVE", _SHORT),
    (rf"ALTER TABLE {_TABLE} ADD CONSTRAINT .*USING INDEX", "ACCESS EXCLUSIVE", _SHORT),
    (rf"ALTER TABLE {_TABLE} (?:ADD CONSTRAINT|ALTER COLUMN .* SET NOT NULL)", "ACCESS EXCLUSIVE", _ALL_ROWS),
    (
        rf"ALTER TABLE {_TABLE} ALTER COLUMN .* TYPE",
        "ACCESS EXCLUSIVE",
        "reads and writes wait; it may write every row",
    ),
    (rf"ALTER TABLE {_TABLE} ADD COLUMN .*REFERENCES", "SHARE ROW EXCLUSIVE and ACCESS EXCLUSIVE", _SHORT),
    (rf"ALTER TABLE {_TABLE}", "ACCESS EXCLUSIVE", _SHORT),
    (rf"DROP TABLE (?:IF EXISTS )?{_TABLE}", "ACCESS EXCLUSIVE", "it is gone"),
    (rf"CREATE TRIGGER .* ON {_TABLE}", "SHARE ROW EXCLUSIVE", "writes wait for a moment"),
    (rf"(?:CREATE|DROP|ALTER) POLICY .* ON {_TABLE}", "ACCESS EXCLUSIVE", _SHORT),
    (rf"(?:INSERT INTO|UPDATE|DELETE FROM) {_TABLE}", "ROW EXCLUSIVE", "who writes the same rows waits"),
]
_READERS = re.compile(r"(SELECT|SET|PRAGMA|--)\b", re.IGNORECASE)


def lock_of(sql: str, vendor: str, *, rows: Mapping[str, int], new: Collection[str]) -> str:
    """Return the lock that ``sql`` takes in words for people, or an empty text where nobody can wait for it.

    ``rows``: about how many each table has; ``new``: tables of the same plan, which nobody uses yet.
    """
    if vendor == "sqlite":
        return "" if _READERS.match(sql) or sql.startswith("--") else "the whole database: other writers wait"
    one_line = " ".join(sql.split())
    for pattern, lock, who_waits in POSTGRESQL:
        match = re.match(pattern, one_line, re.IGNORECASE)
        if match:
            table = match["table"]
            return "" if table in new else f"{lock}{_on(table, rows)}: {who_waits}"
    return ""


def _on(table: str, rows: Mapping[str, int]) -> str:
    if not table:
        return " on its table"
    count = rows.get(table, 0)
    return f" on {table} (about {count:,} rows)" if count else f" on {table}"
