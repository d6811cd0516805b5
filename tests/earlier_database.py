"""The database of the multi-tenant Visant that came before, made by hand: SQLAlchemy's tables on either engine."""

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dj_database_url
from django.db import connection as ours
from django.db.utils import ConnectionHandler

TABLES = """
organizations(id UUID PRIMARY KEY, name TEXT, created_at TIMESTAMP, updated_at TIMESTAMP, settings JSON);
users(id UUID PRIMARY KEY, email TEXT UNIQUE, org_id UUID, supabase_user_id TEXT, created_at TIMESTAMP,
 last_login_at TIMESTAMP, role TEXT);
devices(device_id TEXT PRIMARY KEY, org_id UUID, friendly_name TEXT, api_key TEXT UNIQUE, created_at TIMESTAMP,
 last_seen_at TIMESTAMP, last_ip TEXT, status TEXT, device_version TEXT, config JSON);
captures(record_id TEXT PRIMARY KEY, org_id UUID, device_id TEXT, captured_at TIMESTAMP, ingested_at TIMESTAMP,
 s3_image_key TEXT, s3_thumbnail_key TEXT, image_stored BOOLEAN, thumbnail_stored BOOLEAN, state TEXT, score FLOAT,
 reason TEXT, agent_details JSON, evaluation_status TEXT, evaluated_at TIMESTAMP, trigger_label TEXT,
 normal_description_file TEXT, capture_metadata JSON);
share_links(token TEXT PRIMARY KEY, org_id UUID, device_id TEXT, share_type TEXT, capture_id TEXT,
 start_date TIMESTAMP, end_date TIMESTAMP, created_by UUID, created_at TIMESTAMP, expires_at TIMESTAMP,
 password_hash TEXT, max_views INTEGER, view_count INTEGER, last_viewed_at TIMESTAMP)
"""
AT = "2025-10-20 07:00:00"


class EarlierVisant:
    """``url`` names it; ``add`` writes a row, with what is left out filled in, and returns its key."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection: Any = ConnectionHandler({"default": dj_database_url.parse(url)})["default"]
        for table in TABLES.split(";"):
            self._execute(f"CREATE TABLE {table}")

    def close(self) -> None:
        self._connection.close()

    def add(self, table: str, **fields: Any) -> Any:
        key = {"devices": "device_id", "captures": "record_id", "share_links": "token"}.get(table, "id")
        row = {**self._usual(table), **fields}
        values = [json.dumps(value) if isinstance(value, dict) else value for value in row.values()]
        marks = ", ".join(["%s"] * len(row))
        self._execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", values)
        return row[key]

    def _usual(self, table: str) -> dict[str, Any]:
        usual: dict[str, dict[str, Any]] = {
            "organizations": {"id": str(uuid.uuid4()), "settings": {}},
            "users": {"id": str(uuid.uuid4()), "supabase_user_id": "of-supabase", "role": "member"},
            "devices": {"status": "active", "last_ip": "192.0.2.1", "config": {}},
            "captures": {
                "captured_at": AT,
                "ingested_at": AT,
                "image_stored": True,
                "thumbnail_stored": False,
                "state": "normal",
                "score": 0.1,
                "evaluation_status": "completed",
                "evaluated_at": AT,
                "agent_details": {},
                "capture_metadata": {},
            },
            "share_links": {"view_count": 0},
        }
        return usual[table] | ({} if table == "captures" else {"created_at": AT})

    def _execute(self, sql: str, values: list[Any] | None = None) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, values)


@contextmanager
def earlier_visant(folder: Path) -> Iterator[EarlierVisant]:
    """One on the engine of the test run; on PostgreSQL beside the database of the tests."""
    if ours.vendor == "sqlite":
        url = f"sqlite:///{folder / 'earlier.sqlite3'}"
    else:
        name = f"earlier_{uuid.uuid4().hex}"
        with ours.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
        url = _url_beside(name)
    earlier = EarlierVisant(url)
    try:
        yield earlier
    finally:
        earlier.close()
        if ours.vendor != "sqlite":
            with ours.cursor() as cursor:
                cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _url_beside(name: str) -> str:
    """The URL of another database of the same server."""
    base, _, query = os.environ["DATABASE_URL"].partition("?")
    return f"{base.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")
