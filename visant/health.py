"""``/healthz``: the process lives. ``/readyz``: it can take pictures, and what else is amiss."""

import logging
import secrets
import time
from collections.abc import Mapping
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.module_loading import import_string
from django.views.decorators.http import require_safe

from visant import heartbeats
from visant.backup.unfinished import lack_of_restore
from visant.errors import DATABASE_DOWN
from visant.models import Heartbeat
from visant.schema import lack_of, pending_migrations
from visant.schema.gate import gate

logger = logging.getLogger(__name__)

OK = "ok"
UNKNOWN = "unknown"
# What keeps this process from taking pictures. What is amiss elsewhere is told, and no reason to send none here.
NEEDED = ("database", "schema", "storage")
# A picture that waits longer than this for its verdict waits for a worker that is not there, or not enough.
LATE_AFTER = timedelta(seconds=60)
# For so long the storage is believed to be as it was found.
STORAGE_SECONDS = 5.0


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"status": OK})


@login_not_required
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when database, schema and storage are fit; else 503, with what is wrong with each.

    Workers, the scheduler and pictures that wait make it ``degraded``, still with 200: this process does its part.
    """
    found = examine()
    ready = all(found[name] == OK for name in NEEDED)
    status = "unavailable" if not ready else OK if set(found.values()) == {OK} else "degraded"
    response = JsonResponse({"status": status, **found}, status=200 if ready else 503)
    if not ready:
        response["Retry-After"] = "5"
    return response


def examine() -> Mapping[str, str]:
    """Return ``ok``, or what is wrong in a few words, for each part."""
    return {**_database(), "storage": last_storage_state.now()}


def _database() -> dict[str, str]:
    found = dict.fromkeys(("database", "schema", "queue", "worker", "scheduler"), UNKNOWN)
    try:
        found |= {"schema": schema_state(), "database": restore_state()}
        if found["schema"] == found["database"] == OK:
            found |= {"queue": queue_state(), **{str(kind): process_state(kind) for kind in Heartbeat.Kind}}
    except (DatabaseError, *DATABASE_DOWN) as error:
        logger.warning("Not ready: %s", error)
        found["database"] = "unreachable"
    return found


def schema_state() -> str:
    return lack_of(pending_migrations()) or OK


def restore_state() -> str:
    """What is unfinished also closes this process to requests: who sends them here may not ask us before."""
    if lack := lack_of_restore():
        gate.close()
    return lack or OK


class _StorageState:
    """What :func:`storage_state` last said in this process: whoever asks often must not write as often."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self._found, self._until = OK, 0.0

    def now(self) -> str:
        if time.monotonic() >= self._until:
            self._found = storage_state()
            self._until = time.monotonic() + STORAGE_SECONDS
        return self._found


def storage_state() -> str:
    """Write and delete a small file: a full disk or a folder without rights shows only then."""
    try:
        name = default_storage.save(f"readiness/{secrets.token_hex(8)}", ContentFile(b"ready?"))
        default_storage.delete(name)
    except OSError as error:
        logger.warning("Not ready: %s", error)
        return f"not writable ({error.strerror or 'it does not answer'})"
    return OK


def queue_state() -> str:
    behind = import_string(settings.BACKLOG)()
    if behind.seconds <= LATE_AFTER.total_seconds():
        return OK
    return f"{behind.waiting} pictures wait to be judged, the first for {behind.seconds:.0f} s"


def process_state(kind: Heartbeat.Kind) -> str:
    if heartbeats.alive(kind):
        return OK
    last = heartbeats.last_heard(kind)
    return f"none is running; one was last heard of at {last:%Y-%m-%d %H:%M:%S} UTC" if last else "none is running"


last_storage_state = _StorageState()
