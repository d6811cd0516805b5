import logging
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from django.utils.module_loading import import_string

from visant.errors import DATABASE_DOWN
from visant.heartbeats import Beating
from visant.models import Heartbeat
from visant.schema.gate import wait_for_schema, wait_while_restoring

logger = logging.getLogger(__name__)

# What is called rarely is not called at once: a scheduler started again and again must not sweep each time.
SETTLING_SECONDS = 600.0


@dataclass
class Job:
    """Something to call every ``interval`` seconds; ``due`` is on the monotonic clock."""

    name: str
    run: Callable[[], object]
    interval: float
    due: float = 0.0


class Command(BaseCommand):
    help = "Call what is due, again and again (SCHEDULE in the settings). Several may run at once."

    def handle(self, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        if not wait_for_schema(pause=stop.wait, is_over=stop.is_set):
            return
        jobs = [
            Job(name, import_string(name), seconds, due=first_turn(seconds, time.monotonic()))
            for name, seconds in settings.SCHEDULE.items()
        ]
        # A thread each: a sweep of the archive may take hours, and workers are woken twice a second.
        threads = [threading.Thread(target=repeat, args=(job, stop), name=job.name, daemon=True) for job in jobs]
        for thread in threads:
            thread.start()
        logger.info("Calling %s.", ", ".join(job.name for job in jobs))
        with Beating(Heartbeat.Kind.SCHEDULER):
            watch(threads, stop)


def watch(threads: list[threading.Thread], stop: threading.Event) -> None:
    """Return once ``stop`` is set. Raises CommandError when one of the threads has ended by itself."""
    while not stop.wait(1):
        for thread in threads:
            if not thread.is_alive():
                raise CommandError(f"{thread.name} ended by a bug, which was logged.")


def first_turn(interval: float, now: float) -> float:
    return now + SETTLING_SECONDS if interval > SETTLING_SECONDS else now


def repeat(job: Job, stop: threading.Event) -> None:
    while not stop.is_set():
        run_if_due(job, time.monotonic(), stop)
        stop.wait(max(0.0, job.due - time.monotonic()))


def run_if_due(job: Job, now: float, stop: threading.Event) -> None:
    """Run the job when its time has come. An outage is logged and the job tried again at its next turn.

    While a restore is unfinished it waits, until ``stop`` is set: it would delete what is just coming back.
    """
    if job.due > now:
        return
    job.due = now + job.interval
    try:
        if wait_while_restoring(pause=stop.wait, is_over=stop.is_set):
            job.run()
    except (DatabaseError, OSError, *DATABASE_DOWN):
        logger.exception("%s failed; it is tried again in %s s", job.name, job.interval)
    finally:
        connection.close()  # there are more jobs than a pool has connections, and most of them wait for hours
