"""Commands as an operator runs them, ended as by a power cut: SIGKILL, no chance to finish anything."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from django.db import connection

from tests.databases import BASE_DIR, environment_of
from tests.postgresql import in_database

PATIENCE = 60
LOOK_SECONDS = 0.01


def environment_here(var: Path) -> dict[str, str]:
    """The variables of a Visant on the database of the test, with its state in ``var`` and its files below."""
    name = str(connection.settings_dict["NAME"])
    url = f"sqlite:///{name}" if connection.vendor == "sqlite" else in_database(os.environ["DATABASE_URL"], name)
    return environment_of(var, url)


def start(*arguments: str, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """Begin a command; what it prints, errors as well, is one text."""
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=BASE_DIR,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def kill_when(claim: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Kill the command in the middle: it must not have ended by itself before ``claim`` holds."""
    try:
        wait_for(lambda: process.poll() is not None or claim())
    finally:
        process.kill()
    printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGKILL, printed


def finish(process: subprocess.Popen[str]) -> str:
    """Let the command come to its end, which must be a good one; return what it printed."""
    printed, _ = process.communicate(timeout=2 * PATIENCE)
    assert process.returncode == 0, printed
    return printed


def wait_for(claim: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not claim():
        assert time.monotonic() < deadline, "It did not come to that."
        time.sleep(LOOK_SECONDS)
