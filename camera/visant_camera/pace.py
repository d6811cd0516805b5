"""Pictures at a steady pace."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Optional

from visant_camera.pictures import Picture
from visant_camera.sources import NoPicture, Source

log = logging.getLogger(__name__)

SHORTEST_RETRY = 0.5  # seconds; keeps an interval of 0 from asking a dead camera without pause


def pictures_every(interval: float, source: Source, *, count: Optional[int]) -> Iterator[Picture]:
    """Take a picture every ``interval`` seconds until ``count`` were taken or the source ends.

    A failed attempt is logged and not counted. A late picture moves the next ones; it never causes a burst.
    """
    taken, due = 0, time.monotonic()
    while count is None or taken < count:
        time.sleep(max(0.0, due - time.monotonic()))
        due = max(due + interval, time.monotonic())
        try:
            picture = next(source)
        except StopIteration:
            return
        except NoPicture as error:
            log.warning("no picture this time: %s", error)
            due = max(due, time.monotonic() + SHORTEST_RETRY)
            continue
        taken += 1
        yield picture
