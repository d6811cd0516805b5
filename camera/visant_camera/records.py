"""What the spool knows about one picture: the sidecar beside its bytes."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Union

from visant_camera.pictures import SUFFIXES, Picture

# Anything else in a spool folder is not ours and is never touched.
SPOOL_FILE = re.compile(r"\d{8}T\d{12}Z_[0-9a-f]{8}\.(jpg|png|webp|json)(\.part)?")
# What may name a picture: the server's rule for ``record_id``.
RECORD_ID = re.compile(r"[^/\x00-\x1f\x7f]{1,200}")
LONGEST_LABEL = 100


class DamagedRecord(Exception):
    """The bytes or the sidecar on the disk are not what was written."""


@dataclass(frozen=True)
class Record:
    """One spooled picture: ``captured_at`` in ISO 8601 with offset, ``sha256`` in hex, ``size`` in bytes.

    ``record_id`` is its name for the server: the ``trigger_id`` it was taken for, so that one trigger is one
    picture whatever happens, or its ``stem``. ``stem`` names its files: they sort by time, and
    no text from elsewhere becomes a path. ``important`` pictures are dropped last from a full spool.
    """

    record_id: str
    captured_at: str
    trigger_label: str
    content_type: str
    sha256: str
    size: int
    metadata: dict[str, Union[str, int, float]]
    trigger_id: str = ""
    important: bool = False
    stem: str = ""

    def __post_init__(self) -> None:
        if not self.stem:  # as in sidecars of version 0.1
            object.__setattr__(self, "stem", self.record_id)

    @classmethod
    def of(cls, picture: Picture, *, trigger_label: str, trigger_id: str = "", important: bool = False) -> Record:
        stem = new_record_id(picture.captured_at, picture.token)
        return cls(
            record_id=trigger_id or stem,
            captured_at=picture.captured_at.isoformat(timespec="microseconds"),
            trigger_label=trigger_label[:LONGEST_LABEL],
            content_type=picture.content_type,
            sha256=hashlib.sha256(picture.data).hexdigest(),
            size=len(picture.data),
            metadata=dict(picture.metadata),
            trigger_id=trigger_id,
            important=important,
            stem=stem,
        )

    @classmethod
    def from_json(cls, text: bytes, *, stem: str) -> Record:
        """The sidecar of the picture ``stem``; raises ``DamagedRecord`` when it is not one."""
        try:
            record = cls(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise DamagedRecord("the sidecar cannot be read") from error
        if record.stem != stem or record.content_type not in SUFFIXES:
            raise DamagedRecord("the sidecar describes something else")
        return record

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), indent=1).encode()

    @property
    def picture_name(self) -> str:
        return self.stem + SUFFIXES[self.content_type]

    @property
    def sidecar_name(self) -> str:
        return self.stem + ".json"

    def check(self, data: bytes) -> bytes:
        """``data`` itself, once it is known to be what was taken; raises ``DamagedRecord``."""
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise DamagedRecord("the picture on the disk is not the one that was taken (sha256 differs)")
        return data


def new_record_id(captured_at: datetime, token: str = "") -> str:
    """``20261120T093000123456Z_ab12cd34``: sorts by time; the end, random unless given, keeps it unique."""
    return f"{captured_at:%Y%m%dT%H%M%S%fZ}_{token or secrets.token_hex(4)}"
