"""Deleting pictures: rows in a transaction that looks once more what keeps them, bytes when it is committed.

A process that dies in between leaves bytes without a row, which ``sweep_files`` finds; never a row without bytes.
"""

import logging
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from captures.evaluation.models import Evaluation
from captures.models import Capture
from captures.retention.keepers import NOTHING, kept_by
from captures.retention.models import DeletedBy, DeletedCapture
from captures.storage import derived_keys
from orgs import scope
from orgs.audit import record
from orgs.errors import Conflict
from orgs.limits import month_of
from orgs.models import Organization, User
from orgs.services.plans import count_deleted_bytes

logger = logging.getLogger(__name__)

# A copy of a picture that a rule deleted is known for so long; that of one a person deleted for ever.
REMEMBERED = timedelta(days=400)
FORGOTTEN_AT_ONCE = 5000


class CaptureHeld(Conflict):
    code = "capture_held"


@dataclass(frozen=True)
class Deleted:
    pictures: int = 0
    bytes: int = 0


@transaction.atomic
def delete_due(*, org: Organization, pks: Sequence[uuid.UUID], at: datetime) -> Deleted:
    """Delete those of the pictures that nothing keeps now; what is gone already is left out."""
    # A label or a hold that is being written waits for this lock, or is seen below: nothing slips in between.
    list(Capture.unscoped.select_for_update().filter(pk__in=pks).order_by("pk").values_list("pk"))
    rows = Capture.unscoped.filter(pk__in=pks).annotate(kept=kept_by(org=org, at=at)).filter(kept=NOTHING)
    return _delete(list(rows.only(*_NEEDED)), DeletedBy.RULE)


@transaction.atomic
def delete_capture(*, capture: Capture, acting_user: User) -> None:
    """Delete one picture with all that was made of it, for good. Raises :class:`CaptureHeld`.

    Links that show it and a label keep it from the rules, not from a person.
    """
    row = Capture.unscoped.select_for_update(of=("self",)).select_related("device").filter(pk=capture.pk).first()
    if row is None:
        return  # somebody else was first
    refuse_held(row)
    record(
        "capture.deleted",
        org=row.org_id,
        actor=acting_user,
        target=row,
        before={"captured_at": row.captured_at, "sha256_begins": row.sha256[:12]},
        device=row.device,
    )
    _delete([row], DeletedBy.PERSON)


def refuse_held(capture: Capture) -> None:
    """Raise :class:`CaptureHeld` for a picture that is held, or whose camera or organization is."""
    if capture.hold:
        raise CaptureHeld("This picture is held. Release it first.")
    policies = capture.device.org.retention_policies.filter(device__in=[capture.device_id])
    policy = policies.first() or capture.device.org.retention_policies.filter(device=None).first()
    if policy is not None and policy.hold:
        whose = "camera's" if policy.device_id else "organization's"
        raise CaptureHeld(f"The {whose} pictures are held. End that in its retention first.")


def hold_capture(*, capture: Capture, acting_user: User) -> None:
    """Keep the picture whatever the rules say, until it is released. Holding it again changes nothing."""
    _set_hold(capture, True, "capture.held", acting_user)


def release_capture(*, capture: Capture, acting_user: User) -> None:
    """Let the rules decide about the picture again."""
    _set_hold(capture, False, "capture.released", acting_user)


def forget_deleted(*, now: datetime | None = None) -> int:
    """Forget what rules deleted long ago; return how many. In pieces, so that nothing waits for it."""
    old = (now or timezone.now()) - REMEMBERED
    count = 0
    with scope.across_organizations("forgets old deletions of all organizations"):
        while True:
            rows = DeletedCapture.unscoped.filter(deleted_by=DeletedBy.RULE, deleted_at__lt=old)
            pks = list(rows.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])
            DeletedCapture.unscoped.filter(pk__in=pks).delete()
            count += len(pks)
            if len(pks) < FORGOTTEN_AT_ONCE:
                return count


@transaction.atomic
def _set_hold(capture: Capture, hold: bool, action: str, acting_user: User) -> None:
    if Capture.unscoped.filter(pk=capture.pk, hold=not hold).update(hold=hold):
        before, after = {"hold": not hold}, {"hold": hold}
        record(
            action,
            org=capture.org_id,
            actor=acting_user,
            target=capture,
            before=before,
            after=after,
            device=capture.device,
        )
    capture.hold = hold


# What is remembered of a picture, and what it takes besides to delete it.
_REMEMBERED = (
    "org_id",
    "device_id",
    "record_id",
    "captured_at",
    "received_at",
    "sha256",
    "trigger_id",
    "trigger_label",
)
_NEEDED = (*_REMEMBERED, "byte_size", "storage_key", "thumbnail_key")


def _delete(rows: Sequence[Capture], by: DeletedBy) -> Deleted:
    """Delete the rows, which are locked, and their bytes on commit. What hangs on them goes with them."""
    now, pks = timezone.now(), [row.pk for row in rows]
    DeletedCapture.unscoped.bulk_create(
        [
            DeletedCapture(
                capture_id=row.pk,
                deleted_by=by,
                deleted_at=now,
                **{name: getattr(row, name) for name in _REMEMBERED},
            )
            for row in rows
        ],
        # Of a name that was forgotten and came again, the last one counts.
        update_conflicts=True,
        unique_fields=["device", "record_id"],
        update_fields=["captured_at", "received_at", "sha256", "deleted_by", "deleted_at"],
    )
    Evaluation.unscoped.filter(capture__in=pks).delete()  # at once, the rest by the rows themselves
    Capture.unscoped.filter(pk__in=pks).delete()
    _count_bytes(rows)
    keys = [key for row in rows for key in _files_of(row)]
    transaction.on_commit(partial(_remove_files, keys))
    return Deleted(len(rows), sum(row.byte_size for row in rows))


def _files_of(row: Capture) -> list[str]:
    """All there may be: that outsiders were shown it is noted nowhere."""
    return [key for key in (row.storage_key, row.thumbnail_key, *derived_keys(row.storage_key)) if key]


def _count_bytes(rows: Iterable[Capture]) -> None:
    """Take them out of the months they were counted in."""
    months: dict[tuple[uuid.UUID, date], int] = defaultdict(int)
    for row in rows:
        months[row.org_id, month_of(row.received_at)] += row.byte_size
    for (org_id, month), size in sorted(months.items()):
        count_deleted_bytes(org_id=org_id, month=month, size=size)


def _remove_files(keys: Sequence[str]) -> None:
    """What cannot be removed now is left without a row: the sweep finds it."""
    storage: Any = default_storage
    left = storage.delete_many(keys)
    for key, error in left.items():
        logger.warning("The file %s could not be removed: %s", key, error)
    if left:
        logger.warning("%d files of deleted pictures could not be removed; the sweep will.", len(left))
