"""Commands as an operator runs them, in a process of their own: to their end, or ended as by a power cut."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.core.files.storage import storages
from django.db import connection

PATIENCE = 60
LOOK_SECONDS = 0.002


def start_command(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start ``manage.py`` with them against the database and the files of the test, which must be committed.

    What it prints, errors as well, is one text.
    """
    name = connection.settings_dict["NAME"]
    var = Path(storages["filesystem"].path("")).parent
    environment = {**os.environ, "VISANT_VAR": str(var), **environment}
    if connection.vendor == "sqlite":
        environment["DATABASE_URL"] = f"sqlite:///{name}"
    else:
        base, _, query = os.environ["DATABASE_URL"].partition("?")
        path = base.rpartition("/")[0] + f"/{name}"
        environment["DATABASE_URL"] = f"{path}?{query}" if query else path
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def kill_when(claim: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Kill the command in the middle, with no chance to finish anything: it must not have ended by itself."""
    deadline = time.monotonic() + PATIENCE
    try:
        while process.poll() is None and not claim():
            assert time.monotonic() < deadline, "It did not come to that."
            time.sleep(LOOK_SECONDS)
    finally:
        process.kill()
        printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGKILL, printed


def finish(process: subprocess.Popen[str]) -> str:
    """Let the command come to its end, which must be a good one; return what it printed."""
    printed, _ = process.communicate(timeout=2 * PATIENCE)
    assert process.returncode == 0, printed
    return printed
