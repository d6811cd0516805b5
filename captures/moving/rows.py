"""A capture of a source as rows: the capture itself, and what was found on it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.utils import timezone

from captures.evaluation.models import Definition, Evaluation
from captures.models import Capture, EvaluationStatus
from captures.moving.pictures import Picture
from captures.moving.places import ByPicture, ByRecord, by_picture
from captures.moving.records import Finding, Record
from captures.storage import picture_key, thumbnail_key
from devices.models import Device
from orgs.models import Organization

PROVIDER = "imported"


@dataclass(eq=False)
class Arrival:
    """A capture on its way: what the source says of it, and its bytes."""

    record: Record
    device: Device
    picture: Picture | None
    thumbnail: bytes = b""
    row: Capture | None = field(default=None, init=False)
    there: Capture | None = field(default=None, init=False)  # the row of this very picture, from before
    completes: bool = field(default=False, init=False)  # its row is there already, without the picture

    @property
    def sha256(self) -> str:
        return self.picture.sha256 if self.picture else ""

    @property
    def by_record(self) -> ByRecord:
        return self.device.pk, self.record.record_id

    @property
    def by_picture(self) -> ByPicture | None:
        return by_picture(self.device.pk, self.record.captured_at, self.sha256)


def row_of(
    arrival: Arrival, *, org: Organization, pk: UUID, definition: Definition | None, judge: bool
) -> Capture:
    """Return the row of a capture, not saved. Its thumbnail's name is that of the one it may get."""
    record, picture = arrival.record, arrival.picture
    facts = picture.facts if picture else None
    key = picture_key(
        org_id=org.pk,
        device_id=arrival.device.pk,
        pk=pk,
        at=record.captured_at,
        extension=facts.extension if facts else "jpeg",
    )
    return Capture(
        pk=pk,
        org=org,
        device=arrival.device,
        record_id=record.record_id,
        captured_at=record.captured_at,
        received_at=record.received_at,
        storage_key=key if picture else "",
        thumbnail_key=thumbnail_key(key),
        content_type=facts.content_type if facts else "",
        byte_size=len(picture.data) if picture else 0,
        width=facts.width if facts else 0,
        height=facts.height if facts else 0,
        sha256=arrival.sha256,
        trigger_label=record.trigger_label,
        trigger_id=record.trigger_id,
        metadata=record.metadata,
        definition=definition,
        **_judged(record.finding, judge=judge and picture is not None),
    )


def _judged(finding: Finding, *, judge: bool) -> dict[str, object]:
    """What the row says of its evaluation: without a verdict never normal, and waiting only if asked for."""
    if finding.verdict:
        return {
            "evaluation_status": EvaluationStatus.COMPLETED,
            "evaluation_due_at": None,
            "evaluated_at": finding.at,
            "verdict": finding.verdict,
            "score": finding.score,
            "reason": finding.reason,
        }
    if judge:
        return {"evaluation_status": EvaluationStatus.PENDING, "evaluation_due_at": timezone.now()}
    status = EvaluationStatus.FAILED if finding.failed else EvaluationStatus.SKIPPED
    return {
        "evaluation_status": status,
        "evaluation_due_at": None,
        "evaluated_at": finding.at if finding.failed else None,
        "reason": finding.why,
        "not_judged": "" if finding.failed else finding.why,
    }


def evaluations_of(arrivals: Sequence[Arrival]) -> Iterator[Evaluation]:
    """What the earlier Visant said, before any attempt of ours (0)."""
    for arrival in arrivals:
        row, record = arrival.row, arrival.record
        finding = record.finding
        if row is None or not (finding.verdict or finding.failed):
            continue
        yield Evaluation(
            org_id=row.org_id,
            capture=row,
            definition=row.definition,
            attempt=0,
            provider=PROVIDER,
            model="",
            verdict=finding.verdict,
            score=finding.score if finding.verdict else None,
            reason=finding.reason if finding.verdict else "",
            details=finding.details,
            error="" if finding.verdict else finding.why,
            at=finding.at or record.received_at,
        )
