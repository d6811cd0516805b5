"""Visant as production runs it: a real server process with a folder and a database of its own."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from tests.databases import BASE_DIR, Database, environment_of
from visant.processes import web_command

HOST = "127.0.0.1"
START_SECONDS = 60
# Answers each line with what went wrong, or an empty text.
READ_AND_RUN = """
import json, sys, traceback
space = {}
for line in sys.stdin:
    try:
        exec(json.loads(line), space)
        print('""', flush=True)
    except Exception:
        print(json.dumps(traceback.format_exc()), flush=True)
"""


FOUND = """
from django.core.management import call_command
call_command("create_organization", "--name=Acme", "--owner=owner@example.org", "--json")
call_command("add_device", "--org=acme", "--name=Gate", "--count={}", "--json")
"""


class Camera(NamedTuple):
    id: str
    key: str


class Server:
    """``with Server(folder) as server``: migrated, and started by :meth:`start` on a free port of the loopback.

    The database is a SQLite file in ``folder``, or a fresh one on the PostgreSQL that the tests run on. The server
    may be killed and started again as often as one likes; the address stays. It ends only what it started.
    """

    def __init__(
        self, folder: Path, *, workers: int = 2, threads: int = 8, sqlite: bool = False, **environment: str
    ) -> None:
        """``sqlite``: whatever the run is on, as an installation begins."""
        self.folder = folder
        self.workers = workers
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self.database = Database.in_file(folder) if sqlite else Database.for_run(folder)
        self.environment = {
            **environment_of(folder, self.database.url),
            "VISANT_URL": self.url,
            "VISANT_WEB_THREADS": str(threads),
            **environment,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Server":
        self.folder.mkdir(parents=True, exist_ok=True)
        self.database.create()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self.database.drop()

    @property
    def media(self) -> Path:
        return self.folder / "media"

    @property
    def log(self) -> Path:
        """What all the processes wrote, one after the other."""
        return self.folder / "server.log"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        command = web_command(host=HOST, port=self.port, processes=self.workers)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=BASE_DIR,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,  # so that its workers can be killed with it, and nothing else is
            )
        _wait_until(self._answers, f"The server did not start; {self.log} may say why.")

    def kill(self) -> None:
        """End it and all its workers at once, as a power cut would: SIGKILL, no chance to finish anything."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to finish what it has begun and to go."""
        self._end(signal.SIGTERM)

    def manage(self, *arguments: str, **options: Any) -> str:
        """Run one of Visant's commands on the server's folder and database; return what it printed."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(
            command, cwd=BASE_DIR, env=self.environment, capture_output=True, text=True, check=False, **options
        )
        if done.returncode:
            raise AssertionError(f"{' '.join(command[1:])} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    @contextmanager
    def shell(self) -> Iterator[Callable[[str], None]]:
        """Yield a function that runs lines of Python in one more process on the server's database, and waits."""
        command = [sys.executable, "manage.py", "shell", "--no-imports", "-v0", "-c", READ_AND_RUN]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, cwd=BASE_DIR, env=self.environment, text=True, **pipes) as process:  # type: ignore[call-overload]

            def run(lines: str) -> None:
                process.stdin.write(json.dumps(lines) + "\n")
                process.stdin.flush()
                answer = json.loads(process.stdout.readline())
                assert not answer, answer

            yield run
            process.stdin.close()

    def add_organization(self, name: str = "Acme") -> str:
        """Found an organization and return its slug."""
        printed = self.manage("create_organization", "--name", name, "--owner", "owner@example.org", "--json")
        return str(json.loads(printed)["slug"])

    def add_camera(self, org: str, name: str) -> Camera:
        return Camera(**json.loads(self.manage("add_device", "--org", org, "--name", name, "--json")))

    def found(self, cameras: int = 1) -> list[Camera]:
        """Found the organization ``acme`` with its cameras. In one process: to start one takes a second."""
        _, *added = self.manage("shell", "--no-imports", "-v0", "-c", FOUND.format(cameras)).splitlines()
        return [Camera(**json.loads(line)) for line in added]

    def request(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Ask the server once, over a connection of its own; return status, headers and body."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=START_SECONDS)
        try:
            connection.request(method, path, body, {"Content-Type": "image/jpeg", **(headers or {})})
            answer = connection.getresponse()
            return answer.status, {name.title(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the database directly, past the server."""
        return self.database.rows(query)

    def _answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise AssertionError(f"The server ended at once:\n{self.log.read_text()[-2000:]}")
        try:
            with socket.create_connection((HOST, self.port), timeout=1) as connection:
                connection.settimeout(START_SECONDS)
                connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return connection.recv(12) == b"HTTP/1.1 200"
        except OSError:
            return False

    def _refuses(self) -> bool:
        """Nobody listens any more: the last of the workers is gone."""
        with socket.socket() as connection:
            return connection.connect_ex((HOST, self.port)) != 0

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        os.killpg(self._process.pid, number)
        self._process.wait(timeout=START_SECONDS)
        self._process = None
        _wait_until(self._refuses, "A worker outlived the server.")


_kept: list[socket.socket] = []


def free_port() -> int:
    """A port of the loopback for a server that is started later, and again; nobody else is given it meanwhile.

    As long as this process lives, a socket that never listens keeps it. Whoever sets SO_REUSEADDR, as servers do,
    may listen there nevertheless (socket(7)); who asks for any free port gets another.
    """
    keeper = socket.socket()
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    keeper.bind((HOST, 0))
    _kept.append(keeper)
    return int(keeper.getsockname()[1])


def _wait_until(claim: Any, otherwise: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not claim():
        if time.monotonic() > deadline:
            raise AssertionError(otherwise)
        time.sleep(0.05)
