"""The database of an earlier Visant, read and never written."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dj_database_url
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import ConnectionHandler
from django.utils.dateparse import parse_datetime

from captures.moving.outcomes import Refused
from captures.moving.records import no_number

# Each table with its key and the columns that are read. Others may be there; these must.
TABLES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "organizations": ("id", ("name", "created_at")),
    "users": ("id", ("email", "org_id", "created_at", "role")),
    "devices": ("device_id", ("org_id", "friendly_name", "api_key", "created_at", "status")),
    "captures": (
        "record_id",
        (
            *("org_id", "device_id", "captured_at", "ingested_at", "s3_image_key", "s3_thumbnail_key"),
            *("image_stored", "state", "score", "reason", "agent_details", "evaluation_status", "evaluated_at"),
            *("trigger_label", "normal_description_file", "capture_metadata"),
        ),
    ),
    "share_links": (
        "token",
        (
            *("org_id", "device_id", "share_type", "capture_id", "start_date", "end_date", "created_by"),
            *("created_at", "expires_at", "password_hash", "max_views", "view_count", "last_viewed_at"),
        ),
    ),
}
ROWS_AT_ONCE = 500
Row = dict[str, Any]
ENGINES = ("django.db.backends.postgresql", "django.db.backends.sqlite3")
NAME_IT = "Name it as postgresql://user:password@host/name or sqlite:///path."


class EarlierDatabase:
    """Rows of the tables in ``TABLES``, each as a dictionary, in the order of their keys."""

    def __init__(self, url: str) -> None:
        """Raises :class:`Refused` where there is no such database, or not one of an earlier Visant."""
        try:
            settings = dict(dj_database_url.parse(url))
        except (ValueError, KeyError) as error:
            raise Refused("no_database", NAME_IT) from error
        if settings["ENGINE"] not in ENGINES:
            raise Refused("no_database", NAME_IT)
        self._connection = _read_only(settings)
        self._refuse_another()

    def close(self) -> None:
        self._connection.close()

    def count(self, table: str) -> int:
        [[number]] = self._fetch(f"SELECT count(*) FROM {table}")  # noqa: S608 - a name of TABLES
        return int(number)

    def rows(self, table: str, *, org_id: object = None) -> Iterator[Row]:
        """All rows, or those of the organization of that id as it is stored there, a few at a time."""
        return self._keyset(table, "1 = 1", []) if org_id is None else self._keyset(table, "org_id = %s", [org_id])

    def orphans(self, table: str) -> Iterator[Row]:
        """The rows of no organization that is there."""
        return self._keyset(table, "(org_id IS NULL OR org_id NOT IN (SELECT id FROM organizations))", [])

    def has_pictures(self) -> bool:
        return bool(self._fetch("SELECT 1 FROM captures WHERE image_stored AND s3_image_key <> '' LIMIT 1"))

    def _keyset(self, table: str, condition: str, values: list[Any]) -> Iterator[Row]:
        key, others = TABLES[table]
        columns = (key, *others)
        select = f"SELECT {', '.join(columns)} FROM {table} WHERE {condition}"  # noqa: S608 - names of TABLES
        order = f"ORDER BY {key} LIMIT {ROWS_AT_ONCE}"
        found = self._fetch(f"{select} {order}", values)
        while found:
            yield from (dict(zip(columns, row, strict=True)) for row in found)
            found = self._fetch(f"{select} AND {key} > %s {order}", [*values, found[-1][0]])

    def _fetch(self, sql: str, values: list[Any] | None = None) -> list[Any]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, values)
            return list(cursor.fetchall())

    def _refuse_another(self) -> None:
        try:
            tables = set(self._connection.introspection.table_names())
            if missing := sorted(set(TABLES) - tables):
                raise Refused("other_database", f"It is no database of an earlier Visant: no table {missing[0]}.")
            for table, (key, others) in TABLES.items():
                with self._connection.cursor() as cursor:
                    described = self._connection.introspection.get_table_description(cursor, table)
                missing = sorted({key, *others} - {column.name for column in described})
                if missing:
                    raise Refused("other_database", f"The table {table} has no column {missing[0]}.")
        except DatabaseError as error:
            raise Refused("no_database", f"The earlier database does not answer: {error}") from error


def _read_only(settings: dict[str, Any]) -> BaseDatabaseWrapper:
    """A connection of its own that the database itself lets write nothing."""
    if "sqlite" in settings["ENGINE"]:
        path = Path(settings["NAME"])
        if not path.is_file():
            raise Refused("no_database", f"There is no file {path}.")
        settings |= {"NAME": f"{path.absolute().as_uri()}?mode=ro", "OPTIONS": {"uri": True}}
    else:
        settings["OPTIONS"] = {**settings.get("OPTIONS", {}), "options": "-c default_transaction_read_only=on"}
    connection: BaseDatabaseWrapper = ConnectionHandler({"default": settings})["default"]
    return connection


def moment(value: Any) -> datetime | None:
    """A moment of that database: without a zone, in UTC. Raises :class:`Refused`."""
    if value in (None, ""):
        return None
    try:
        parsed = parse_datetime(value) if isinstance(value, str) else value
        if isinstance(parsed, datetime):
            return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        pass
    raise Refused("bad_moment", "A moment of the row cannot be read.")


def required_moment(value: Any, name: str) -> datetime:
    found = moment(value)
    if found is None:
        raise Refused("bad_moment", f"{name} is missing.")
    return found


def json_object(value: Any, name: str) -> dict[str, Any]:
    """A JSON column: SQLite hands out its text. Raises :class:`Refused`."""
    if isinstance(value, str | bytes):
        try:
            value = json.loads(value, parse_constant=no_number)
        except (ValueError, RecursionError) as error:
            raise Refused("bad_record", f"{name} is no JSON.") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refused("bad_record", f"{name} is no JSON object.")
    return value


def text(value: Any) -> str:
    """What there is as text; SQLite holds numbers where somebody wrote them."""
    return "" if value is None else str(value)
