"""Two at once: what only happens between threads that each have a connection of their own."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from django.db import connection


def at_once(call: Callable[[int], Any], count: int = 2) -> list[Any]:
    """Call ``call(0)``, ``call(1)``, … at the same moment; return what each returned or raised."""
    start = threading.Barrier(count)

    def run(number: int) -> Any:
        try:
            start.wait(timeout=30)
            return call(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        # Each thread may see what the test may see.
        futures = [pool.submit(copy_context().run, run, number) for number in range(count)]
        return [future.exception(timeout=30) or future.result() for future in futures]
