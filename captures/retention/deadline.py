"""Reading that ends when its time is up, in the middle of a statement, too.

PostgreSQL ends a statement by its ``statement_timeout``; SQLite asks from time to time whether it shall go on.
"""

import math
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import OperationalError, connection, transaction

# So many instructions of SQLite's machine between two questions: less than a millisecond.
INSTRUCTIONS = 10_000


class TakesTooLong(Exception):
    """It is not read within the time that there is."""


@contextmanager
def ending_at(until: float) -> Iterator[None]:
    """Raise :class:`TakesTooLong` from the block when it still reads at ``until``, on the monotonic clock.

    Nothing may be written in it. What was read is then of no use, and the connection as good as before.
    """
    bounded = _on_postgresql if connection.vendor == "postgresql" else _on_sqlite
    try:
        with bounded(until):
            yield
    except OperationalError as error:
        if _is_cut_off(error.__cause__):
            raise TakesTooLong from error
        raise


@contextmanager
def _on_postgresql(until: float) -> Iterator[None]:
    def limited(execute: Callable[..., Any], statement: Any, params: Any, many: bool, context: Any) -> Any:
        milliseconds = math.ceil(_left(until) * 1000)
        execute(f"SET LOCAL statement_timeout = {milliseconds}", None, False, context)
        return execute(statement, params, many, context)

    # A limit that ends with its transaction is not left behind in a connection that others use next.
    with transaction.atomic():
        with connection.execute_wrapper(limited):
            yield
        with connection.cursor() as cursor:  # when this transaction is a part of another
            cursor.execute("SET LOCAL statement_timeout TO DEFAULT")


@contextmanager
def _on_sqlite(until: float) -> Iterator[None]:
    def refused(execute: Callable[..., Any], *args: Any) -> Any:
        _left(until)
        return execute(*args)

    connection.ensure_connection()
    raw = connection.connection
    raw.set_progress_handler(lambda: time.monotonic() > until, INSTRUCTIONS)
    try:
        with connection.execute_wrapper(refused):
            yield
    finally:
        raw.set_progress_handler(None, 0)


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TakesTooLong
    return left


def _is_cut_off(cause: BaseException | None) -> bool:
    if isinstance(cause, psycopg.errors.QueryCanceled):
        return True
    return isinstance(cause, sqlite3.OperationalError) and cause.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT
