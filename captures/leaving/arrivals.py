"""A capture of an export as rows here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from captures.evaluation.models import Definition, Evaluation, Label, State
from captures.leaving.telling import EVALUATION
from captures.models import UNSETTLED, Capture, EvaluationStatus
from captures.moving.outcomes import Fate, Refused
from captures.moving.pictures import Picture
from captures.storage import picture_key, thumbnail_key
from devices.models import Device
from orgs.models import Organization

TAKEN = (
    *("record_id", "trigger_label", "trigger_id", "metadata", "hold", "not_judged"),
    *("usable", "verdict", "score", "reason"),
)


@dataclass(eq=False)
class Arrival:
    """What the export tells of a capture, its bytes, and what became of it: None while it is to be written."""

    told: dict[str, Any]
    picture: Picture | None = None
    thumbnail: bytes = b""
    row: Capture | None = None
    there: Capture | None = None  # the row of this very picture, from before
    label: Label | None = None
    evaluations: list[Evaluation] = field(default_factory=list)
    fate: Fate | None = None

    def refuse(self, fate: Fate) -> None:
        """It is not written, however much of it was understood."""
        self.row, self.fate = None, fate

    @property
    def made(self) -> Capture:
        """The row of one that is to be written."""
        if self.row is None:
            raise ValueError("It has no row.")
        return self.row

    @property
    def pk(self) -> UUID:
        return self.made.pk


def row_of(
    arrival: Arrival, *, org: Organization, device: Device, pk: UUID, definition: Definition | None
) -> Capture:
    """Return the row, not saved. Raises :class:`Refused` for values that no capture here can have."""
    told, picture = arrival.told, arrival.picture
    captured_at = moment_of(told["captured_at"])
    extension = picture.facts.extension if picture else "jpeg"
    key = picture_key(org_id=org.pk, device_id=device.pk, pk=pk, at=captured_at, extension=extension)
    row = Capture(
        pk=pk,
        org=org,
        device=device,
        captured_at=captured_at,
        received_at=moment_of(told["received_at"]),
        storage_key=key if picture else "",
        thumbnail_key=thumbnail_key(key) if arrival.thumbnail else "",
        content_type=picture.facts.content_type if picture else "",
        byte_size=len(picture.data) if picture else 0,
        width=picture.facts.width if picture else 0,
        height=picture.facts.height if picture else 0,
        sha256=picture.sha256 if picture else "",
        definition=definition,
        evaluated_at=moment_of(told["evaluated_at"]),
        **{name: told[name] for name in TAKEN},
        **_status(told, has_picture=picture is not None),
    )
    try:
        # What is empty without a picture may be, and what points at others was looked up.
        row.clean_fields(exclude=["content_type", "sha256", "device", "org", "definition", "usable"])
        if row.usable not in (None, True, False):
            raise ValidationError("Whether it can be judged is yes, no or unknown.")
        if (row.verdict is not None) and row.evaluation_status != EvaluationStatus.COMPLETED:
            raise ValidationError("A verdict of what was not judged.")
    except ValidationError as error:
        raise Refused("invalid_values", "; ".join(error.messages)) from error
    return row


def label_of(arrival: Arrival) -> Label | None:
    """What a person said it is. The person is not taken along: only their name is in the export."""
    told, row = arrival.told["label"], arrival.made
    if not told or told["verdict"] not in (State.NORMAL, State.ABNORMAL):
        return None
    label = Label(
        org_id=row.org_id,
        capture=row,
        device_id=row.device_id,
        verdict=told["verdict"],
        reference=told["reference"] and told["verdict"] == State.NORMAL,
        created_at=moment_of(told["created_at"]),
    )
    _refuse_invalid(label)
    return label


def refuse_bad_evaluations(told: Mapping[str, Any]) -> None:
    """An answer is a verdict or an error. Raises :class:`Refused`."""
    for one in told["evaluations"]:
        if bool(one["error"]) == bool(one["verdict"]) or one["verdict"] not in (None, *State.values):
            raise Refused("invalid_values", "An evaluation of it is neither a verdict nor an error.")


def evaluations_of(arrival: Arrival, definitions: Mapping[tuple[str, int], Definition]) -> Iterator[Evaluation]:
    for told in arrival.told["evaluations"]:
        fields = {name: told[name] for name in EVALUATION if name != "at"}
        evaluation = Evaluation(
            org_id=arrival.made.org_id,
            capture=arrival.made,
            at=moment_of(told["at"]),
            definition=definitions.get((arrival.told["camera"], told["definition"])),
            **fields,
        )
        _refuse_invalid(evaluation)
        yield evaluation


def _refuse_invalid(row: Label | Evaluation) -> None:
    """Its own values, which may be empty; what it points at was looked up."""
    fields = row._meta.concrete_fields
    empty = {one.name for one in fields if _is_empty(getattr(row, one.attname), one)}
    try:
        row.clean_fields(exclude=empty | {one.name for one in fields if one.is_relation})
    except ValidationError as error:
        raise Refused("invalid_values", "; ".join(error.messages)) from error


def _is_empty(value: Any, column: Any) -> bool:
    return bool(column.null if value is None else value == "" and column.empty_strings_allowed)


def _status(told: dict[str, Any], *, has_picture: bool) -> dict[str, Any]:
    """What was not settled there is judged here."""
    if told["evaluation_status"] in UNSETTLED and has_picture:
        return {"evaluation_status": EvaluationStatus.PENDING, "evaluation_due_at": timezone.now()}
    return {"evaluation_status": told["evaluation_status"], "evaluation_due_at": None}


def moment_of(text: str | None) -> Any:
    """The moment that an export names, or None. Raises :class:`Refused` for what is none, or has no offset."""
    if not text:
        return None
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None or timezone.is_naive(moment):
        raise Refused("not_understood", f"{text!r} is no moment.")
    return moment
