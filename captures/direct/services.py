"""A camera puts its picture into the bucket by itself: it asks for a form, sends it, and says so."""

import hashlib
import logging
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.files.storage import storages
from django.utils import timezone

from captures.direct.models import PendingUpload
from captures.inspection import refuse_large_picture
from captures.intake import note_arrival, note_refusal, take_in_picture
from captures.models import Capture
from captures.services import StorageUnavailable, find_first, has_bytes, settle_moment
from captures.storage import incoming_key
from captures.storage.presigning import PresignedPost
from devices.models import Device, DeviceKey
from orgs import scope
from orgs.errors import Conflict, DomainError, Invalid, NotThere
from orgs.ids import uuid7

logger = logging.getLogger(__name__)

# How long a form is good for; a slow line has time to send a large picture.
FORM_SECONDS = 15 * 60
SWEEP_AFTER = timedelta(days=1)
# An upload that was begun so long ago may be swept before it is done.
BEGUN_AGAIN = timedelta(hours=12)
SWEPT_AT_ONCE = 500


class DirectUploadNotOffered(NotThere):
    code = "direct_upload_not_offered"


class UploadMissing(Conflict):
    """Nothing has come yet, or what came is gone: the camera sends it again."""

    code = "upload_missing"
    retryable = True


class UploadDiffers(Invalid):
    """What is in the bucket is not what was announced: damaged on the way, and whole at the next attempt."""

    code = "upload_differs"
    retryable = True


def begin_upload(
    *,
    device: Device,
    byte_size: int,
    sha256: str,
    content_type: str,
    record_id: str = "",
    captured_at: datetime | None = None,
    trigger_label: str = "",
    trigger_id: str = "",
    metadata: dict[str, Any] | None = None,
) -> PendingUpload | Capture:
    """Return the upload that the camera may make now; or its picture, if just that is there already.

    Asked again for the same picture, it is the same upload. Raises :class:`DirectUploadNotOffered`, and what
    :func:`~captures.services.store_capture` raises of what can be known before the bytes are there.
    """
    if not settings.DIRECT_UPLOAD:
        raise DirectUploadNotOffered("Pictures are not put into a bucket here; hand them in by POST /v1/captures.")
    said = {"record_id": record_id, "captured_at": captured_at, "trigger_id": trigger_id}
    try:
        refuse_large_picture(byte_size)
        moment, doubt = settle_moment(captured_at, timezone.now())
        first = find_first(device_id=device.pk, record_id=record_id, captured_at=moment, sha256=sha256)
    except DomainError as refusal:
        note_refusal(device=device, refusal=refusal, said=said)
        raise
    if first is not None and has_bytes(first):
        note_arrival(device=device, trigger_id=trigger_id)
        return first
    same = {"captured_at": moment, "byte_size": byte_size, "sha256": sha256, "content_type": content_type}
    begun = device.pending_uploads.filter(**same, record_id=record_id, created_at__gt=timezone.now() - BEGUN_AGAIN)
    if record_id and (pending := begun.first()):
        return pending
    pk = uuid7()
    new: PendingUpload = device.pending_uploads.create(
        pk=pk,
        org_id=device.org_id,
        record_id=record_id or str(pk),
        trigger_label=trigger_label,
        trigger_id=trigger_id,
        metadata={**(metadata or {}), **doubt},
        **same,
    )
    return new


def form_of(pending: PendingUpload) -> PresignedPost:
    """Return the form that the camera sends to the bucket, with the picture as ``file``."""
    bucket: Any = storages["s3"]
    form: PresignedPost = bucket.presigner.post(
        incoming_key(org_id=pending.org_id, pk=pending.pk),
        size=pending.byte_size,
        content_type=pending.content_type,
        sha256=pending.sha256,
        seconds=FORM_SECONDS,
    )
    return form


def complete_upload(*, key: DeviceKey, pending: PendingUpload) -> tuple[Capture, bool]:
    """Look at what was put into the bucket, and take it in as any picture; return its row, and whether it is new.

    What was read is what is kept: under a name of its own, which no form opens. So whoever still has the form
    cannot change the picture any more. Asked again, it returns the same row. Raises :class:`UploadMissing`,
    :class:`UploadDiffers`, and what :func:`~captures.intake.take_in_picture` raises.
    """
    data = _read(pending)
    if data is None:
        first = _taken_before(pending)
        note_arrival(device=key.device, trigger_id=pending.trigger_id)
        return first, False
    if len(data) != pending.byte_size or hashlib.sha256(data).hexdigest() != pending.sha256:
        raise UploadDiffers("What is in the bucket differs from what was announced; send it again.")
    capture, created = take_in_picture(
        key=key,
        data=data,
        record_id=pending.record_id,
        captured_at=pending.captured_at,
        trigger_label=pending.trigger_label,
        trigger_id=pending.trigger_id,
        metadata=pending.metadata,
    )
    try:
        _forget_bytes(pending)
    except OSError as error:
        logger.warning("Left to the sweep: the upload %s (%s)", pending.pk, error)
    return capture, created


def sweep_uploads(*, now: datetime | None = None) -> int:
    """Forget uploads that were begun a day ago, with their bytes; return how many. Safe to run twice at once.

    Their bytes go first, so nothing is ever left in the bucket that no row speaks of.
    """
    before = (now or timezone.now()) - SWEEP_AFTER
    swept = 0
    with scope.across_organizations("sweeps what cameras of all organizations have begun"):
        while old := list(PendingUpload.unscoped.filter(created_at__lt=before)[:SWEPT_AT_ONCE]):
            for pending in old:
                _forget_bytes(pending)
            swept += PendingUpload.unscoped.filter(pk__in=[pending.pk for pending in old]).delete()[0]
    return swept


def _read(pending: PendingUpload) -> bytes | None:
    """What came; None if nothing is there. More than was announced is not read to its end."""
    if "s3" not in settings.STORAGES:
        return None  # begun before the bucket was given up, or before a restore to where there is none
    name = incoming_key(org_id=pending.org_id, pk=pending.pk)
    try:
        with storages["s3"].open(name) as file:
            return bytes(file.read(pending.byte_size + 1))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageUnavailable("The storage does not answer; keep the picture and ask again.") from error


def _taken_before(pending: PendingUpload) -> Capture:
    found = find_first(
        device_id=pending.device_id,
        record_id=pending.record_id,
        captured_at=pending.captured_at,
        sha256=pending.sha256,
    )
    if found is None:
        raise UploadMissing("Nothing has come into the bucket; send the form, then ask again.")
    return found


def _forget_bytes(pending: PendingUpload) -> None:
    if "s3" in settings.STORAGES:
        storages["s3"].delete(incoming_key(org_id=pending.org_id, pk=pending.pk))
