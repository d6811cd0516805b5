"""Databases of real servers: each its own, copied from one that was migrated once for the whole run."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.postgresql import ROLE, in_database, with_plain_role

BASE_DIR = Path(__file__).resolve().parent.parent


def is_ours(name: str) -> bool:
    """Whether a variable is about a Visant that runs, and not about the tests."""
    return name == "DATABASE_URL" or (name.startswith("VISANT_") and not name.startswith("VISANT_TEST_"))


def environment_of(folder: Path, database_url: str) -> dict[str, str]:
    """The variables of a Visant that keeps its state in ``folder``; nothing of the tests' own settings."""
    plain = {name: value for name, value in os.environ.items() if not is_ours(name)}
    return {**plain, "VISANT_VAR": str(folder), "DATABASE_URL": database_url}


class Database(NamedTuple):
    """Where a server keeps its rows. ``admin_url``: the PostgreSQL in which the database is made, or ''."""

    url: str
    admin_url: str

    @classmethod
    def for_run(cls, folder: Path) -> "Database":
        """A SQLite file in ``folder``, or a new one on the PostgreSQL that the tests run on; not made yet."""
        if os.environ.get("VISANT_TEST_DATABASE") != "postgresql":
            return cls.in_file(folder)
        name = f"server_{os.getpid()}_{time.monotonic_ns()}"
        return cls.on_server(os.environ["VISANT_TEST_DATABASE_URL"], name)

    @classmethod
    def on_server(cls, admin_url: str, name: str) -> "Database":
        return cls(in_database(with_plain_role(admin_url), name), admin_url)

    @classmethod
    def in_file(cls, folder: Path) -> "Database":
        return cls(f"sqlite:///{folder / 'visant.sqlite3'}", "")

    @property
    def name(self) -> str:
        return urlsplit(self.url).path.lstrip("/")

    @property
    def file(self) -> str:
        """Of SQLite."""
        return self.url.removeprefix("sqlite:///")

    def create(self) -> None:
        """Make it, with the schema of today."""
        template = _migrated(self.admin_url)
        if self.admin_url:
            self._administer(f"CREATE DATABASE {self.name} OWNER {ROLE} TEMPLATE {template.name}")
        else:
            shutil.copyfile(template.file, self.file)

    def drop(self) -> None:
        self._administer(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        if not self.admin_url:
            import sqlite3

            with sqlite3.connect(self.file) as connection:
                return connection.execute(query).fetchall()
        import psycopg

        with psycopg.connect(in_database(self.admin_url, self.name)) as connection:
            return connection.execute(query).fetchall()

    def _administer(self, statement: str) -> None:
        if not self.admin_url:
            return
        import psycopg

        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(statement)


def copied_from_migrated(connection: Any, create: Callable[[], str]) -> str:
    """Let Django ``create`` its test database, as a copy of what was migrated once, and return its name."""
    if connection.vendor == "postgresql":
        connection.settings_dict["TEST"]["TEMPLATE"] = _migrated(os.environ["VISANT_TEST_DATABASE_URL"]).name
        return create()
    name = create()
    shutil.copyfile(_migrated("").file, name)
    return name


def _migrated(admin_url: str) -> Database:
    """The database there that the others are copies of. The first process of the run that asks makes it."""
    folder = _folder_of(admin_url)
    folder.mkdir(parents=True, exist_ok=True)
    database = _template(admin_url)
    done = folder / "migrated"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            database._administer(f"CREATE DATABASE {database.name} OWNER {ROLE}")
            command = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
            subprocess.run(command, cwd=BASE_DIR, env=environment_of(folder, database.url), check=True)
            done.touch()
    return database


def drop_migrated() -> None:
    """At the end of the run: a PostgreSQL that is not the tests' own keeps nothing of them."""
    admin_url = os.environ.get("VISANT_TEST_DATABASE_URL", "")
    if (_folder_of(admin_url) / "migrated").exists():
        _template(admin_url).drop()


def _template(admin_url: str) -> Database:
    folder = _folder_of(admin_url)
    return Database.on_server(admin_url, f"template_{folder.name}") if admin_url else Database.in_file(folder)


def _folder_of(admin_url: str) -> Path:
    """Of this run and this server, for one test starts a server of its own, and others use SQLite in any run."""
    run = os.environ["VISANT_TEST_SHARED"]
    return Path(run) / "migrated-once" / hashlib.sha256(f"{run} {admin_url}".encode()).hexdigest()[:16]
