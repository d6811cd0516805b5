"""``/healthz``: the process lives. ``/readyz``: it can take pictures."""

import logging
import secrets

from django.contrib.auth.decorators import login_not_required
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from visant.errors import DATABASE_DOWN
from visant.schema import pending_migrations

logger = logging.getLogger(__name__)


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"status": "ok"})


@login_not_required
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when database, schema and storage are fit; else 503, with what is wrong with each."""
    checks = {"database": _database(), "storage": _storage()}
    ready = all(value == "ok" for value in checks.values())
    response = JsonResponse({"status": "ok" if ready else "unavailable", **checks}, status=200 if ready else 503)
    if not ready:
        response["Retry-After"] = "5"
    return response


def _database() -> str:
    try:
        pending = pending_migrations()
    except (DatabaseError, *DATABASE_DOWN) as error:
        logger.warning("Not ready: %s", error)
        return "unreachable"
    if pending:
        return f"{len(pending)} migrations are not applied; the next is {pending[0]}"
    return "ok"


def _storage() -> str:
    """Write and delete a small file: a full disk or a folder without rights shows only then."""
    try:
        name = default_storage.save(f"readiness/{secrets.token_hex(8)}", ContentFile(b"ready?"))
        default_storage.delete(name)
    except OSError as error:
        logger.warning("Not ready: %s", error)
        return f"not writable ({error.strerror})"
    return "ok"
