"""``serve`` and ``demo``: real processes, started and stopped as an operator or a newcomer would."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.builders import make_jpeg
from tests.server import BASE_DIR, Server

PATIENCE = 90.0
STOP_SECONDS = 10.0


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    """A folder, a migrated database and a free port; nothing runs yet."""
    with Server(tmp_path / "var") as server:
        yield server


@contextmanager
def running(server: Server, command: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command in a session of its own; what is left of it in the end is killed."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", command],
        cwd=BASE_DIR,
        env={**server.environment, "PORT": str(server.port), "WEB_PROCESSES": "1"},
        stdout=server.log.open("w"),
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        for pid in session_of(process.pid):
            os.kill(pid, signal.SIGKILL)
        process.wait()


def session_of(leader: int) -> list[int]:
    """The processes of a session that are alive (proc(5): the session is the fourth field after the name)."""
    alive = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            alive.append(int(stat.parent.name))
    return alive


def wait_for(claim: Callable[[], object], server: Server) -> None:
    until = time.monotonic() + PATIENCE
    while not claim():
        assert time.monotonic() < until, server.log.read_text()[-3000:]
        time.sleep(0.2)


def is_ready(server: Server) -> bool:
    try:
        return requests.get(f"{server.url}/readyz", timeout=5).status_code == 200
    except requests.RequestException:
        return False


def count(server: Server, condition: str) -> int:
    [(number,)] = server.rows(f"SELECT count(*) FROM captures_capture WHERE {condition}")
    return number


def end(process: subprocess.Popen[str], number: signal.Signals) -> float:
    """Send the signal and return how many seconds it took until the command had ended."""
    began = time.monotonic()
    process.send_signal(number)
    process.wait(timeout=30)
    return time.monotonic() - began


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_takes_a_picture_judges_it_and_ends_cleanly(server, number):
    [camera] = server.found()
    with running(server, "serve") as process:
        wait_for(lambda: is_ready(server), server)
        answer = requests.post(
            f"{server.url}/v1/captures",
            make_jpeg(size=(160, 120)),
            headers={"X-API-Key": camera.key, "Content-Type": "image/jpeg"},
            timeout=10,
        )
        assert answer.status_code == 201
        wait_for(lambda: count(server, "evaluation_status = 'completed'") == 1, server)
        assert end(process, number) < STOP_SECONDS
        assert process.returncode == 0
        assert session_of(process.pid) == []


def test_serve_starts_again_what_was_killed(server):
    with running(server, "serve") as process:
        wait_for(lambda: is_ready(server), server)
        others = set(session_of(process.pid)) - {process.pid}
        for pid in others:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: is_ready(server), server)
        assert not others & set(session_of(process.pid))


def test_serve_refuses_a_taken_port(server):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", server.port))
        taken.listen()
        with running(server, "serve") as process:
            assert process.wait(timeout=60) == 1
    assert f"port {server.port} (Address already in use). Set PORT to a free one." in server.log.read_text()


def test_serve_migrates_only_when_told_to(server):
    server.manage("migrate", "visant", "zero", "--verbosity=0")
    with running(server, "serve") as process:
        assert process.wait(timeout=60) == 1
    assert "start with VISANT_MIGRATE=1" in server.log.read_text()
    server.environment["VISANT_MIGRATE"] = "1"
    with running(server, "serve"):
        wait_for(lambda: is_ready(server), server)


def test_the_demo_shows_judged_pictures_and_goes_on_when_run_again(server):
    with running(server, "demo") as process:
        wait_for(lambda: count(server, "evaluation_status = 'completed'") >= 2, server)
        assert end(process, signal.SIGINT) < STOP_SECONDS
    first = server.log.read_text()
    password = re.search(r"The owner's password, shown this once: (\S+)", first)
    assert password is not None
    assert server.url in first
    before = count(server, "1 = 1")
    with running(server, "demo"):
        wait_for(lambda: count(server, "1 = 1") > before, server)
    assert "password" not in server.log.read_text()
    assert server.rows("SELECT count(*) FROM orgs_organization") == [(1,)]


REOPENED = """
import os
from visant.processes import _make_output_reopenable
os.write(1, b"before, ")
_make_output_reopenable()
for word in (b"one, ", b"other"):
    with open("/dev/fd/1", "wb") as anew:
        anew.write(word)
"""


def test_output_that_goes_to_a_file_is_not_written_over_when_it_is_opened_anew(tmp_path):
    log = tmp_path / "log"
    with log.open("wb") as file:
        subprocess.run([sys.executable, "-c", REOPENED], cwd=BASE_DIR, stdout=file, check=True, timeout=30)
    until = time.monotonic() + 10
    while not log.read_text().endswith("other") and time.monotonic() < until:
        time.sleep(0.01)
    assert log.read_text() == "before, one, other"
