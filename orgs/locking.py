"""A lock that the database keeps, over as many transactions as it takes, and gives back when its holder dies."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO


@contextmanager
def database_lock(
    connection: Any, number: int, *, file: str, take: Callable[[Callable[[], bool]], None]
) -> Iterator[None]:
    """Hold the lock of that number inside the block. ``take`` is given what tries once, and raises to give up.

    On PostgreSQL the lock is the session's, and gone with it however it ends. SQLite has none that could be held
    over several transactions; there a file beside the database is locked, ``file`` in its name, which the system
    unlocks with the process: one for all numbers. A database in memory is nobody else's.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            take(lambda: _try(cursor, number))
        try:
            yield
        finally:
            _unlock(connection, number)
    elif connection.is_in_memory_db():
        yield
    else:
        path = Path(f"{connection.settings_dict['NAME']}.{file}.lock")
        with path.open("w") as opened:
            take(lambda: _try_file(opened))
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
