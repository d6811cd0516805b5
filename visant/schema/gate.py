"""No traffic and no work before the schema is ours and its rows are all there."""

import logging
import threading
import time
from collections.abc import Callable

from django.db import DatabaseError, close_old_connections

from visant.backup.unfinished import lack_of_restore
from visant.errors import DATABASE_DOWN
from visant.schema.pending import lack_of, pending_migrations

logger = logging.getLogger(__name__)

# A process that waits looks this often, and says so this often while nothing changes.
LOOK_SECONDS = 1.0
SAY_SECONDS = 60.0


class Gate:
    """Remembers once the schema was found to be ours, and looks at most once a second before.

    Never again after: migrations only add to what is there while this code runs (docs/migrations.md). Who finds
    that a restore has begun since closes it.
    """

    def __init__(self) -> None:
        self._ours = False
        self._lack = ""
        self._due = 0.0
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        return self._ours

    def open(self) -> None:
        """Take the schema for ours without looking."""
        self._ours = True

    def close(self) -> None:
        """Look again at the next question."""
        self._ours, self._lack, self._due = False, "", 0.0

    def lack(self) -> str:
        """Return what the schema lacks: nothing when it is ours, or when nobody can say for the moment."""
        if self._ours:
            return ""
        with self._lock:
            if not self._ours and time.monotonic() >= self._due:
                self._look()
                self._due = time.monotonic() + LOOK_SECONDS
            return self._lack

    def _look(self) -> None:
        try:
            lack = _lack()
        except (DatabaseError, *DATABASE_DOWN) as error:
            # Whoever needs the database will hear that themselves; who does not is not held up.
            logger.warning("The schema could not be looked at: %s", error)
            self._lack = ""
            return
        if lack and lack != self._lack:
            logger.warning("Requests are refused: %s.", lack)
        self._lack, self._ours = lack, not lack


gate = Gate()


def wait_for_schema(
    *, pause: Callable[[float], object] = time.sleep, is_over: Callable[[], bool] = lambda: False
) -> bool:
    """Return True once the schema is ours, however long that takes; False when ``is_over`` says to end before.

    What is waited for is logged when it changes, and once a minute.
    """
    said, said_at = "", 0.0
    if gate.is_open:
        return True
    while not is_over():
        lack = _lack_now()
        if not lack:
            gate.open()
            return True
        if lack != said or time.monotonic() - said_at >= SAY_SECONDS:
            logger.warning("Waiting for the schema: %s.", lack)
            said, said_at = lack, time.monotonic()
        pause(LOOK_SECONDS)
    return False


def wait_while_restoring(
    *, pause: Callable[[float], object] = time.sleep, is_over: Callable[[], bool] = lambda: False
) -> bool:
    """Return True at once unless a restore into our database is unfinished; else as :func:`wait_for_schema`.

    For who works on and on, before each piece of work: it costs one short look.
    """
    try:
        if not lack_of_restore():
            return True
    except (DatabaseError, *DATABASE_DOWN):
        return True  # the work itself will tell
    gate.close()
    return wait_for_schema(pause=pause, is_over=is_over)


def _lack() -> str:
    return lack_of_restore() or lack_of(pending_migrations())


def _lack_now() -> str:
    try:
        return _lack()
    except (DatabaseError, *DATABASE_DOWN) as error:
        close_old_connections()  # a broken one would be asked again and again
        return f"the database does not answer ({type(error).__name__})"
