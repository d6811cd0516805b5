"""What was deleted here since: an import does not bring it back."""

from collections.abc import Collection

from django.db.models import Q

from captures.moving.outcomes import Fate, Outcome
from captures.moving.places import ByPicture, ByRecord, by_picture
from orgs.models import Organization

GONE = Fate(Outcome.REFUSED, "deleted_here", "The picture was deleted here; an import does not bring it back.")


class Deleted:
    """Which of these, told by camera and record id and by camera, moment and checksum, were deleted. One query."""

    def __init__(
        self, org: Organization, records: Collection[ByRecord], pictures: Collection[ByPicture | None]
    ) -> None:
        alike = Q(record_id__in=[record_id for _, record_id in records])
        alike |= Q(captured_at__in=[place[1] for place in pictures if place])
        rows = org.deleted_captures.filter(alike, device__in={device_pk for device_pk, _ in records})
        self._known: set[ByRecord | ByPicture | None] = set()
        for device_pk, record_id, captured_at, sha256 in rows.values_list(
            "device_id", "record_id", "captured_at", "sha256"
        ):
            self._known |= {(device_pk, record_id), by_picture(device_pk, captured_at, sha256)}
        self._known.discard(None)

    def fate_of(self, record: ByRecord, picture: ByPicture | None) -> Fate | None:
        return GONE if record in self._known or picture in self._known else None
