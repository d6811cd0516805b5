"""Exports of an organization: asked for by an owner, made by a worker, downloaded for some days."""

import hashlib
import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.utils import timezone

from captures.fetching import fetched_later
from captures.leaving.archive import ArchiveRefused
from captures.leaving.exporting import NotExportable, export_organization
from captures.leaving.models import Export
from orgs import scope
from orgs.audit import record
from orgs.errors import Conflict, NotThere
from orgs.models import Organization, User

logger = logging.getLogger(__name__)

# A worker says so often that it is at work; after such a silence another one begins anew.
LEASE = timedelta(minutes=10)
BREATH_SECONDS = 60.0
# A storage that is away is waited for; a worker that is killed each time is not helped by more.
MOST_ATTEMPTS = 5
RETRY_AFTER = timedelta(minutes=5)
OVER = "This export is not there any more. Ask for another one."


class ExportAskedAlready(Conflict):
    code = "export_asked_already"


class ExportOver(NotThere):
    code = "export_over"


@transaction.atomic
def ask_for_export(*, org: Organization, acting_user: User) -> Export:
    """Have an export made. Raises :class:`ExportAskedAlready` while another one is."""
    try:
        with transaction.atomic():
            export = Export.unscoped.create(org=org, asked_by=acting_user)
    except IntegrityError as error:
        raise ExportAskedAlready("An export is being made already.") from error
    record("organization.export_asked", org=org, actor=acting_user, target=org)
    return export


def fetch_export(*, export: Export, acting_user: User) -> Export:
    """Note that somebody downloads it.

    Raises :class:`ExportOver` for what is not there, or not any more, and
    :class:`~captures.services.StorageUnavailable`.
    """
    if export.state != "ready":
        raise ExportOver(OVER)
    # A browser that is sent to the bucket would be told by S3, in XML.
    with _storage_asked():
        default_storage.size(export.storage_key)
    record("organization.export_fetched", org=export.org, actor=acting_user, target=export.org)
    return export


def open_export(export: Export) -> File:
    """Open what :func:`fetch_export` returned; raises what that does."""
    with _storage_asked():
        return default_storage.open(export.storage_key)


def make_next_export() -> bool:
    """Make the export that waits the longest; False when none does."""
    with scope.across_organizations("a worker makes exports for all organizations, each within its own"):
        export = _claim()
        if export is None:
            return False
        org = Organization.objects.get(pk=export.org_id)
    with scope.within(org.pk):
        try:
            _make(export, org)
        except (NotExportable, ArchiveRefused) as refusal:
            _finish(export, error=str(refusal))
        except OSError as error:
            logger.warning("The export %s could not be made: %s", export.pk, error)
            Export.unscoped.filter(pk=export.pk).update(due_at=timezone.now() + RETRY_AFTER)
    return True


def remove_expired_exports() -> None:
    """Delete the files whose days are over. The rows stay: who asked, and when."""
    with scope.across_organizations("files of all organizations that are over"):
        for export in Export.unscoped.filter(expires_at__lte=timezone.now()).exclude(storage_key=""):
            default_storage.delete(export.storage_key)
            Export.unscoped.filter(pk=export.pk).update(storage_key="")


def close_lost_exports() -> int:
    """Say of exports whose file is gone that it is; return how many. Raises OSError when the storage is away."""
    with scope.across_organizations("looks for the exports of all organizations"):
        lost = [
            row for row in Export.unscoped.exclude(storage_key="") if not default_storage.exists(row.storage_key)
        ]
        for export in lost:
            logger.error("The file of the export %s is gone: %s", export.pk, export.storage_key)
            there = Export.unscoped.filter(pk=export.pk, storage_key=export.storage_key)
            there.update(storage_key="", error="Its file is not in the storage any more. Ask for another one.")
    return len(lost)


def is_export_waiting() -> bool:
    with scope.across_organizations("workers are woken for all organizations"):
        return Export.unscoped.waiting_at(timezone.now()).exists()


@contextmanager
def _storage_asked() -> Iterator[None]:
    with fetched_later("export"):
        try:
            yield
        except FileNotFoundError as error:
            raise ExportOver(OVER) from error


def _claim() -> Export | None:
    now = timezone.now()
    for export in Export.unscoped.waiting_at(now).order_by("due_at"):
        if export.attempts >= MOST_ATTEMPTS:
            _finish(
                export, error="It was begun several times and never came to its end; the operator's log says why."
            )
            continue
        free = Export.unscoped.waiting_at(now).filter(pk=export.pk, attempts=export.attempts)
        if free.update(due_at=now + LEASE, attempts=export.attempts + 1):
            export.attempts += 1
            return export
    return None


def _make(export: Export, org: Organization) -> None:
    with tempfile.TemporaryDirectory(prefix="visant-export-") as folder:
        path = Path(folder) / "export.zip"
        export_organization(org, path, keep_alive=_breath(export))
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            # Another attempt has another name: nobody replaces what somebody downloads.
            name = f"{org.pk}/exports/{export.pk}-{export.attempts}.zip"
            key = default_storage.save(name, File(file))
        size = path.stat().st_size
    if not _finish(export, storage_key=key, byte_size=size, sha256=sha256):
        default_storage.delete(key)  # another worker was thought to be needed, and was quicker


def _finish(export: Export, **fields: object) -> bool:
    now = timezone.now()
    over = now + timedelta(days=settings.VISANT_EXPORT_DAYS)
    mine = Export.unscoped.filter(pk=export.pk, attempts=export.attempts, finished_at=None)
    return bool(mine.update(finished_at=now, expires_at=over, **fields))


def _breath(export: Export) -> Callable[[], None]:
    """Return what keeps the lease, writing once a minute at most."""
    last = time.monotonic()

    def breathe() -> None:
        nonlocal last
        if time.monotonic() - last > BREATH_SECONDS:
            last = time.monotonic()
            Export.unscoped.filter(pk=export.pk, attempts=export.attempts).update(due_at=timezone.now() + LEASE)

    return breathe
