"""This machine's clock beside the server's."""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Optional

from visant_camera.pictures import utc_now

log = logging.getLogger(__name__)

WRONG_FROM = 30.0  # seconds; below it is the network, and the whole seconds of the Date header


class Clock:
    """The server's time is held against a clock that nobody sets: NTP may set this machine's at any moment.

    ``heard_at`` is when the server was heard last, None before.
    """

    def __init__(self) -> None:
        self.heard_at: Optional[datetime] = None
        self._began: Optional[datetime] = None  # the server's time when the steady clock stood at 0
        self._said_wrong = False

    def heard(self, date_header: Optional[str], *, ago: timedelta = timedelta()) -> None:
        """Take in the ``Date`` of an answer that was written so long ago; nonsense is ignored."""
        self.heard_at = utc_now() - ago
        try:
            told = parsedate_to_datetime(date_header or "")
        except (TypeError, ValueError, IndexError):
            return
        if told.tzinfo is None:
            told = told.replace(tzinfo=timezone.utc)
        self._began = told + ago - steady()
        self._say()

    @property
    def offset(self) -> Optional[float]:
        """Seconds by which the own clock is ahead of the server's, None before the server was heard."""
        return None if self._began is None else round((utc_now() - steady() - self._began).total_seconds(), 1)

    @property
    def is_wrong(self) -> bool:
        return self._wrong_by is not None

    @property
    def _wrong_by(self) -> Optional[float]:
        """The offset, where it is that of a wrong clock."""
        offset = self.offset
        return offset if offset is not None and abs(offset) > WRONG_FROM else None

    def now(self) -> datetime:
        """The server's time as far as it is known, in UTC: for when to act. Pictures keep the own clock's."""
        return utc_now() - timedelta(seconds=self._wrong_by or 0.0)

    def metadata(self) -> dict[str, float]:
        """What goes along with a picture: nothing while the clock is right."""
        offset = self._wrong_by
        return {} if offset is None else {"clock_offset_seconds": offset}

    def _say(self) -> None:
        offset = self._wrong_by
        if offset is not None and not self._said_wrong:
            log.warning(
                "this machine's clock is %.0f s %s the server's; is NTP on? Pictures keep its time, and say so",
                abs(offset),
                "ahead of" if offset > 0 else "behind",
            )
        elif self._said_wrong and offset is None:
            log.info("this machine's clock is right again")
        self._said_wrong = offset is not None


def steady() -> timedelta:
    """Of a clock that only runs on, through suspensions too where the system has such a one (Linux)."""
    boot_time = getattr(time, "CLOCK_BOOTTIME", None)
    return timedelta(seconds=time.monotonic() if boot_time is None else time.clock_gettime(boot_time))
