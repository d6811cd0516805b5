"""What was deleted here since: an import does not bring it back."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from captures.moving.outcomes import Fate, Outcome
from orgs.models import Organization

GONE = Fate(Outcome.REFUSED, "deleted_here", "The picture was deleted here; an import does not bring it back.")
ByRecord = tuple[UUID, str]
ByPicture = tuple[UUID, datetime, str]


class Deleted:
    """Which of these, told by camera and record id and by camera, moment and checksum, were deleted. One query."""

    def __init__(self, org: Organization, by_record: Iterable[ByRecord], by_picture: Iterable[ByPicture]) -> None:
        asked = list(by_record)
        alike = Q(record_id__in=[record_id for _, record_id in asked])
        alike |= Q(captured_at__in=[captured_at for _, captured_at, _ in by_picture])
        rows = org.deleted_captures.filter(alike, device__in={device_pk for device_pk, _ in asked})
        self._known: set[ByRecord | ByPicture] = set()
        for device_pk, record_id, captured_at, sha256 in rows.values_list(
            "device_id", "record_id", "captured_at", "sha256"
        ):
            self._known |= {(device_pk, record_id), (device_pk, captured_at, sha256)}

    def fate_of(self, by_record: ByRecord, by_picture: ByPicture) -> Fate | None:
        return GONE if by_record in self._known or by_picture in self._known else None
