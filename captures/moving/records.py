"""What a capture of an earlier Visant says of itself, checked before anything is done with it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from captures.models import State
from captures.moving.outcomes import Refused
from captures.services import ImpossibleMoment, settle_moment
from orgs.storable import NotStorable, refuse_unstorable

# As for the record ids of cameras: they stand in URLs.
RECORD_ID = re.compile(r"[^/\x00-\x1f\x7f]{1,200}")
LONGEST_DEVICE_ID = 500
LONGEST_LABEL = 100
# A record is a small text; one of this size is something else.
LARGEST_RECORD = 1024 * 1024
# The known fields of a record; others are kept with the metadata.
KNOWN = {
    "record_id",
    "captured_at",
    "ingested_at",
    "metadata",
    "classification",
    "normal_description_file",
    "image_stored",
    "image_filename",
    "thumbnail_stored",
    "thumbnail_filename",
}


@dataclass(frozen=True)
class Finding:
    """What the earlier Visant found. Without a verdict ``why`` says why; ``failed``: it had tried."""

    verdict: str | None
    score: float | None = None
    reason: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    at: datetime | None = None
    why: str = ""
    failed: bool = False


@dataclass(frozen=True)
class Record:
    """One capture as the source tells it, with nothing in it that the database would not take."""

    record_id: str
    device: str
    captured_at: datetime
    received_at: datetime
    finding: Finding
    metadata: dict[str, Any]
    description: str = ""  # the name of the text by which it was judged
    image: str = ""  # where its picture is, empty where none was stored
    thumbnail: str = ""

    @property
    def trigger_label(self) -> str:
        return self._label("trigger_label")

    @property
    def trigger_id(self) -> str:
        return self._label("trigger_id")

    def _label(self, name: str) -> str:
        value = self.metadata.get(name)
        return value[:LONGEST_LABEL] if isinstance(value, str) else ""


def parse_record(raw: bytes, *, name: str) -> Record:
    """Return the record of a JSON file called ``name``; its pictures are named as files beside it.

    Raises :class:`Refused`.
    """
    data = _json_object(raw)
    if "record_id" not in data:
        raise Refused("foreign_json", "It is JSON, but no record of a capture.")
    record_id = checked_record_id(data["record_id"])
    if name != f"{record_id}.json":
        raise Refused("other_record_id", "The file has another name than the record in it.")
    metadata = _object(data, "metadata")
    captured_at, received_at, doubt = moments_of(data.get("captured_at"), data.get("ingested_at"))
    more = {key: value for key, value in data.items() if key not in KNOWN}
    description = _text(data, "normal_description_file")
    if description:
        more["normal_description_file"] = description
    if doubt:
        metadata = {**metadata, "clock_doubt": doubt}
    return Record(
        record_id=record_id,
        device=checked_device(metadata.get("device_id")),
        captured_at=captured_at,
        received_at=received_at,
        finding=finding_of(_object(data, "classification"), at=received_at),
        metadata={**metadata, **({"imported": more} if more else {})},
        description=description,
        image=_file_name(data, "image", record_id),
        thumbnail=_file_name(data, "thumbnail", f"{record_id}_thumb"),
    )


def checked_record_id(value: object) -> str:
    if not isinstance(value, str) or not RECORD_ID.fullmatch(value):
        raise Refused("bad_record_id", "The record id is no text of 1 to 200 characters without slashes.")
    return value


def checked_device(value: object) -> str:
    if value is None or (isinstance(value, str) and not value.strip()):
        raise Refused("no_device", "The record does not say which camera it is of.")
    if not isinstance(value, str):
        raise Refused("bad_device", "What the camera is called is no text.")
    if len(value) > LONGEST_DEVICE_ID:
        raise Refused("bad_device", f"What the camera is called has more than {LONGEST_DEVICE_ID} characters.")
    return value


def moments_of(captured: object, received: object) -> tuple[datetime, datetime, str]:
    """Return when it was captured and received, in UTC, and what is doubtful about that."""
    try:
        captured_at, doubt = settle_moment(_moment(captured, "captured_at"), timezone.now())
    except ImpossibleMoment as error:
        raise Refused("impossible_moment", str(error)) from error
    if received is None:
        doubts = [doubt.get("clock_doubt", ""), "when it was received is not known"]
        return captured_at, captured_at, "; ".join(filter(None, doubts))
    received_at = _moment(received, "ingested_at")
    if received_at.tzinfo is None:
        received_at = received_at.replace(tzinfo=UTC)
    return captured_at, received_at.astimezone(UTC), doubt.get("clock_doubt", "")


def finding_of(said: Mapping[str, Any], *, at: datetime | None) -> Finding:
    """Return what was found. No verdict is ever made of what is not one of the three."""
    state, score, reason = said.get("state"), said.get("score"), said.get("reason")
    if isinstance(score, bool) or not isinstance(score, int | float | None) or not 0 <= (score or 0) <= 1:
        raise Refused("bad_score", "The score is no number from 0 to 1.")
    if not isinstance(reason, str | None):
        raise Refused("bad_verdict", "The reason is no text.")
    details = said.get("agent_details")
    known = {"agent_details": details} if details else {}
    if state in State.values:
        return Finding(state, None if score is None else float(score), reason or "", known, at)
    if state in (None, ""):
        why = "It was not judged before it was imported."
        return Finding(None, reason=reason or "", details=known, why=why)
    if not isinstance(state, str):
        raise Refused("bad_verdict", "The verdict is no text.")
    why = f"It could not be judged before it was imported: {reason or state[:50]}"
    return Finding(None, reason=reason or "", details=known, at=at, why=why, failed=True)


def refuse_what_no_database_takes(data: dict[str, Any]) -> None:
    try:
        refuse_unstorable(data, limit=LARGEST_RECORD)
    except NotStorable as error:
        raise Refused("not_storable", f"The record {error}") from error


def _json_object(raw: bytes) -> dict[str, Any]:
    if not raw.strip():
        raise Refused("empty", "The file is empty.")
    try:
        data = json.loads(raw.decode("utf-8-sig"), parse_constant=no_number)
    except (ValueError, RecursionError) as error:
        raise Refused("not_json", "It is no JSON, damaged or cut off.") from error
    if not isinstance(data, dict):
        raise Refused("foreign_json", "It is JSON, but no record of a capture.")
    refuse_what_no_database_takes(data)
    return data


def no_number(text: str) -> None:
    """What ``json.loads`` is to call for NaN and the infinities, which no database takes. Raises ValueError."""
    raise ValueError(f"{text} is no number in JSON")


def _moment(value: object, name: str) -> datetime:
    try:
        moment = parse_datetime(value) if isinstance(value, str) else value
        if isinstance(moment, datetime):
            if moment.tzinfo is not None:
                moment.astimezone(UTC)  # a year 1 or 9999 with an offset leaves the calendar
            return moment
    except (ValueError, OverflowError):
        pass
    raise Refused("bad_moment", f"{name} is missing, or is no moment in ISO 8601.")


def _object(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = data.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refused("bad_record", f"{name} is no JSON object.")
    return value


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name) or ""
    if not isinstance(value, str):
        raise Refused("bad_record", f"{name} is no text.")
    return value


def _file_name(data: Mapping[str, Any], what: str, stem: str) -> str:
    """The name of a file beside the record; "" where the record says that none was stored.

    Older records do not speak of thumbnails: then there may be one of the usual name.
    """
    stored = data.get(f"{what}_stored", True)
    if not isinstance(stored, bool):
        raise Refused("bad_record", f"{what}_stored is neither true nor false.")
    name = _text(data, f"{what}_filename") or f"{stem}.jpeg"
    if not re.fullmatch(rf"{re.escape(stem)}\.[A-Za-z0-9]+", name):
        raise Refused("foreign_name", f"{what}_filename names another file than the record's own.")
    return name if stored else ""
