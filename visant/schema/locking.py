"""One at a time: the lock that ``migrate`` holds while it works."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.core.management.base import CommandError

from orgs.locking import database_lock
from visant.schema.reaching import UNREACHABLE

logger = logging.getLogger(__name__)

# Numbers of PostgreSQL's advisory locks, which are the database's own: any that nobody else uses.
MIGRATION = 0x5649_5341_4E54
REFERENCE = MIGRATION + 1
POLL_SECONDS = 0.25
SAY_SECONDS = 10.0


@contextmanager
def advisory_lock(connection: Any, number: int, *, wait: float = 3600.0) -> Iterator[None]:
    """Hold the lock inside the block; whoever else wants it waits, and a CommandError ends that after ``wait``."""
    with database_lock(connection, number, file="migrate", take=partial(_wait_for, wait=wait)):
        yield


def _wait_for(got: Callable[[], bool], *, wait: float) -> None:
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
