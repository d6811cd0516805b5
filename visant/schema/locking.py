"""One at a time: the lock that ``migrate`` holds while it works."""

import fcntl
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import CommandError

logger = logging.getLogger(__name__)

# Numbers of PostgreSQL's advisory locks, which are the database's own: any that nobody else uses.
MIGRATION = 0x5649_5341_4E54
REFERENCE = MIGRATION + 1
UNREACHABLE = 2
POLL_SECONDS = 0.25
SAY_SECONDS = 10.0


@contextmanager
def advisory_lock(connection: Any, number: int, *, wait: float = 3600.0) -> Iterator[None]:
    """Hold the lock inside the block; whoever else wants it waits, and a CommandError ends that after ``wait``.

    On PostgreSQL the lock is the session's, and gone with it however it ends. SQLite has none that could be held
    over several transactions; there a file beside the database is locked, which the system unlocks with the
    process. A database in memory is nobody else's.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            _wait_for(lambda: _try(cursor, number), wait)
        try:
            yield
        finally:
            _unlock(connection, number)
    elif connection.is_in_memory_db():
        yield
    else:
        path = Path(f"{connection.settings_dict['NAME']}.migrate.lock")
        with path.open("w") as file:
            _wait_for(lambda: _try_file(file), wait)
            yield


def _try(cursor: Any, number: int) -> bool:
    cursor.execute("SELECT pg_try_advisory_lock(%s)", [number])
    [got] = cursor.fetchone()
    return bool(got)


def _unlock(connection: Any, number: int) -> None:
    """Give it back, unless the session is broken, which gave it back already."""
    if connection.connection is None or connection.connection.closed:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s)", [number])


def _try_file(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait_for(got: Any, wait: float) -> None:
    began = said = time.monotonic()
    while not got():
        now = time.monotonic()
        if now - began > wait:
            error = f"Another job has been migrating for {wait:.0f} s; this one gives up."
            raise CommandError(error, returncode=UNREACHABLE)
        if said == began or now - said > SAY_SECONDS:
            logger.info("Another job is migrating; waiting for it.")
            said = now
        time.sleep(POLL_SECONDS)
