"""What a simulated camera takes, and what is to go wrong with it."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, field
from datetime import datetime
from typing import Optional

from visant_camera.records import new_record_id
from visant_camera.simulate.jpeg import make_jpeg

# Of a hundred pictures, how many meet with what.
KINDS = {
    "well": 58,
    "hung up": 7,  # the line breaks in the middle of the body
    "unanswered": 7,  # the line breaks after the body, before the answer: stored, and the camera cannot know
    "half": 7,  # less comes than was announced
    "again": 7,  # sent once more after the receipt
    "at once": 6,  # sent twice at the same moment
    "damaged": 4,  # the file itself is cut off
    "wrong key": 4,
}


@dataclass
class Shot:
    """A picture on its way. ``kind`` is a key of ``KINDS``; ``due``: its mishap is still to come."""

    record_id: str
    captured_at: datetime
    data: bytes
    kind: str
    trigger_id: Optional[str] = None
    due: bool = True
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        self.sha256 = hashlib.sha256(self.data).hexdigest()

    @property
    def headers(self) -> dict[str, str]:
        headers = {
            "Content-Type": "image/jpeg",
            "X-Visant-Record-Id": self.record_id,
            "X-Visant-Captured-At": self.captured_at.isoformat(),
            "X-Visant-Trigger-Label": "manual" if self.trigger_id else "simulation",
        }
        return {**headers, "X-Visant-Trigger-Id": self.trigger_id} if self.trigger_id else headers


def take(rng: random.Random, captured_at: datetime, *, trigger_id: Optional[str] = None) -> Shot:
    """A picture unlike any other; one for a command meets with nothing that would lose it for good."""
    [kind] = rng.choices(list(KINDS), list(KINDS.values()))
    if trigger_id and kind in ("damaged", "wrong key"):
        kind = "again"
    record_id = trigger_id or new_record_id(captured_at)
    data = make_jpeg(rng, record_id)
    if kind == "damaged":
        data = data[: len(data) // 2]
    return Shot(record_id, captured_at, data, kind, trigger_id)
