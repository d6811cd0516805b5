"""The pictures of a painted yard, one an hour for a month, and what is to be said of each."""

import hashlib
import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from visant_camera.sources.brush import WIDTH
from visant_camera.sources.scene import SceneOptions, SceneSource

from captures.evaluation.models import State
from captures.evaluation.pictures import make_thumbnail

DAYS = 30
QUALITY = 80
# Who is so near the edge is seen in part only.
EDGE_PIXELS = 60
HOURS_OF_A_DAY = 24


class Hour(NamedTuple):
    """``frame`` counts from the first midnight on, and is the painter's number of the picture."""

    frame: int
    at: datetime

    @property
    def record_id(self) -> str:
        return f"seed-{self.at:%Y%m%dT%H}"


class Painted(NamedTuple):
    data: bytes
    thumbnail: bytes
    sha256: str
    verdict: State
    score: float
    reason: str


def hours_until(end: datetime) -> Iterator[Hour]:
    """Yield the hours of the month that ends with ``end``."""
    first = end.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
    frame = 0
    while (at := first + timedelta(hours=frame)) <= end:
        yield Hour(frame, at)
        frame += 1


class Yard:
    """One camera's yard. The light goes round once a day, and on the first day nobody comes."""

    def __init__(self, name: str) -> None:
        self._scene = SceneSource(SceneOptions(seed=name, cycle=HOURS_OF_A_DAY, quiet=HOURS_OF_A_DAY))

    def paint(self, hour: Hour) -> Painted:
        out = io.BytesIO()
        self._scene.paint(hour.frame).save(out, "JPEG", quality=QUALITY)
        data = out.getvalue()
        return Painted(data, make_thumbnail(data), hashlib.sha256(data).hexdigest(), *self._truth(hour))

    def _truth(self, hour: Hour) -> tuple[State, float, str]:
        """What there is to see is known: it was painted."""
        visitor = self._scene.visitor_at(hour.frame)
        if visitor is None:
            return State.NORMAL, 0.05, "Nobody is in the yard."
        if not EDGE_PIXELS <= visitor.x <= WIDTH - EDGE_PIXELS:
            return State.UNCERTAIN, 0.5, "Something is at the edge of the picture."
        return State.ABNORMAL, 0.95, "Somebody is in the yard."
