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


class DamagedRecord(Exception):
    """The bytes or the sidecar on the disk are not what was written."""


@dataclass(frozen=True)
class Record:
    """One spooled picture: ``captured_at`` in ISO 8601 with offset, ``sha256`` in hex, ``size`` in bytes."""

    record_id: str
    captured_at: str
    trigger_label: str
    content_type: str
    sha256: str
    size: int
    metadata: dict[str, Union[str, int, float]]

    @classmethod
    def of(cls, picture: Picture, *, trigger_label: str) -> Record:
        return cls(
            record_id=new_record_id(picture.captured_at),
            captured_at=picture.captured_at.isoformat(timespec="microseconds"),
            trigger_label=trigger_label,
            content_type=picture.content_type,
            sha256=hashlib.sha256(picture.data).hexdigest(),
            size=len(picture.data),
            metadata=dict(picture.metadata),
        )

    @classmethod
    def from_json(cls, text: bytes, *, record_id: str) -> Record:
        """The sidecar of ``record_id``; raises ``DamagedRecord`` when it is not one."""
        try:
            record = cls(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise DamagedRecord("the sidecar cannot be read") from error
        if record.record_id != record_id or record.content_type not in SUFFIXES:
            raise DamagedRecord("the sidecar describes something else")
        return record

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), indent=1).encode()

    @property
    def picture_name(self) -> str:
        return self.record_id + SUFFIXES[self.content_type]

    @property
    def sidecar_name(self) -> str:
        return self.record_id + ".json"

    def check(self, data: bytes) -> bytes:
        """``data`` itself, once it is known to be what was taken; raises ``DamagedRecord``."""
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise DamagedRecord("the picture on the disk is not the one that was taken (sha256 differs)")
        return data


def new_record_id(captured_at: datetime) -> str:
    """``20261120T093000123456Z_ab12cd34``: sorts by time; the random end keeps it unique."""
    return f"{captured_at:%Y%m%dT%H%M%S%fZ}_{secrets.token_hex(4)}"
