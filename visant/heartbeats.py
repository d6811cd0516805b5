"""Which workers and schedulers are alive: each notes a moment in a row of its own, a few times a minute."""

import logging
import os
import socket
import threading
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any

from django.db import DatabaseError, connection
from django.db.models import Max
from django.utils import timezone

from visant.errors import DATABASE_DOWN
from visant.models import Heartbeat

logger = logging.getLogger(__name__)

EVERY_SECONDS = 15.0
# Three beats may be lost to a busy database before anybody is called away.
SILENT_AFTER = timedelta(seconds=60)
# The row of a process that was killed goes with the beat of another.
FORGET_AFTER = timedelta(hours=1)


class Beating:
    """``with Beating(kind)``: the process counts as alive until the block ends, or it is killed.

    A thread writes, so a long task does not make its worker seem dead. An outage of the database is outlived.
    """

    def __init__(self, kind: Heartbeat.Kind) -> None:
        self.kind = kind
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> "Beating":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """A process that ends in order is not missed afterwards."""
        self._stop.set()
        self._thread.join(EVERY_SECONDS)
        try:
            Heartbeat.objects.filter(**_process(self.kind)).delete()
        except (DatabaseError, *DATABASE_DOWN) as failure:
            logger.warning("The last heartbeat stays: %s", failure)

    def _beat(self) -> None:
        while not self._stop.is_set():
            try:
                beat(self.kind)
            except (DatabaseError, *DATABASE_DOWN) as error:
                logger.warning("No heartbeat was written: %s", error)
            connection.close()  # a quarter of a minute is long to keep one that others could use
            self._stop.wait(EVERY_SECONDS)


def beat(kind: Heartbeat.Kind) -> None:
    """Note that this process is alive, and forget those not heard of for long."""
    now = timezone.now()
    Heartbeat.objects.update_or_create(**_process(kind), defaults={"at": now})
    Heartbeat.objects.filter(at__lt=now - FORGET_AFTER).delete()


def alive(kind: Heartbeat.Kind, *, now: datetime | None = None) -> int:
    """Return how many processes of the kind were heard of lately."""
    return Heartbeat.objects.filter(kind=kind, at__gte=(now or timezone.now()) - SILENT_AFTER).count()


def last_heard(kind: Heartbeat.Kind) -> datetime | None:
    """Return when one of the kind was last heard of, as far as that is remembered."""
    latest: datetime | None = Heartbeat.objects.filter(kind=kind).aggregate(at=Max("at"))["at"]
    return latest


def _process(kind: Heartbeat.Kind) -> dict[str, Any]:
    return {"kind": kind, "host": socket.gethostname(), "pid": os.getpid()}
