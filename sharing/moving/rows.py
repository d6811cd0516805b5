"""Rows of the earlier database as what captures and links need."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from captures.moving.outcomes import Refused
from captures.moving.pictures import Picture
from captures.moving.records import (
    Record,
    checked_device,
    checked_record_id,
    finding_of,
    refuse_what_no_database_takes,
)
from sharing.models import LinkKind
from sharing.moving.source import Row, json_object, moment, required_moment, text

KINDS = {
    "device": LinkKind.DEVICE,
    "capture": LinkKind.CAPTURE,
    "range": LinkKind.RANGE,
    "date_range": LinkKind.RANGE,
}
LONGEST_TOKEN = 200
# What stands in an address as it is: any other token opens nothing, or something else.
TOKEN = re.compile(rf"(?!\.)[A-Za-z0-9._~-]{{1,{LONGEST_TOKEN}}}")
LARGEST_COUNT = 2**31 - 1


@dataclass(eq=False)
class FoundCapture:
    """A row of ``captures``, with its pictures once they are loaded."""

    name: str
    record: Record | None = None
    picture: Picture | None = None
    thumbnail: bytes = b""
    refusal: Refused | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        return len(self.thumbnail) + (len(self.picture.data) if self.picture else 0)


def record_of(row: Row) -> Record:
    """Raises :class:`Refused`."""
    refuse_what_no_database_takes({key: text(value) for key, value in row.items()})
    received_at = required_moment(row["ingested_at"] or row["captured_at"], "ingested_at")
    metadata = json_object(row["capture_metadata"], "capture_metadata")
    details = json_object(row["agent_details"], "agent_details")
    refuse_what_no_database_takes({"metadata": metadata, "details": details})
    description = text(row["normal_description_file"])
    if row["trigger_label"]:
        metadata = {**metadata, "trigger_label": text(row["trigger_label"])}
    if description:
        metadata = {**metadata, "imported": {"normal_description_file": description}}
    failed = row["evaluation_status"] == "failed" and not row["state"]
    said = {
        "state": "failed" if failed else row["state"],
        "score": row["score"],
        "reason": row["reason"],
        "agent_details": details,
    }
    return Record(
        record_id=checked_record_id(row["record_id"]),
        device=checked_device(row["device_id"]),
        captured_at=required_moment(row["captured_at"], "captured_at"),
        received_at=received_at,
        finding=finding_of(said, at=moment(row["evaluated_at"]) or received_at),
        metadata=metadata,
        description=description,
        image=text(row["s3_image_key"]) if row["image_stored"] else "",
        thumbnail=text(row["s3_thumbnail_key"]),
    )


def link_fields(row: Row) -> dict[str, Any]:
    """The fields of a link's row, but for what it points at. Raises :class:`Refused`."""
    token, kind = text(row["token"]), KINDS.get(text(row["share_type"]).strip().lower())
    if not TOKEN.fullmatch(token):
        raise Refused("bad_token", f"A token is 1 to {LONGEST_TOKEN} letters, digits and any of - . _ ~.")
    if kind is None:
        raise Refused("unknown_kind", "It is no link to a camera, a picture or a span of time.")
    return {
        "token": token,
        "kind": kind,
        **_range(row, kind),
        "expires_at": moment(row["expires_at"]),
        "password_hash": _password(text(row["password_hash"])),
        "max_views": None if row["max_views"] is None else _count(row["max_views"]),
        "view_count": _count(row["view_count"] or 0),
        "last_viewed_at": moment(row["last_viewed_at"]),
        "created_at": required_moment(row["created_at"], "created_at"),
    }


def _range(row: Row, kind: LinkKind) -> dict[str, datetime]:
    """The last moment was shown, too; here a range ends before its end."""
    if kind != LinkKind.RANGE:
        return {}
    first, last = required_moment(row["start_date"], "start_date"), required_moment(row["end_date"], "end_date")
    if first > last:
        raise Refused("bad_range", "The range ends before it begins.")
    return {"range_from": first, "range_until": last + timedelta(microseconds=1)}


def _password(digest: str) -> str:
    """The digest as it is kept here. One of a kind not known would open to nobody, or, worse, be dropped."""
    if not digest or digest.startswith(("bcrypt$", "argon2$", "pbkdf2_")):
        return digest
    if digest.startswith(("$2a$", "$2b$", "$2y$")):
        return f"bcrypt${digest}"
    if digest.startswith("$argon2"):
        return f"argon2{digest}"
    raise Refused("unknown_password", "It has a password in a form that is not known here.")


def _count(value: Any) -> int:
    if not isinstance(value, int) or not 0 <= value <= LARGEST_COUNT:
        raise Refused("bad_count", "A number of views is none.")
    return value
