"""This machine's clock beside the server's."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Optional

from visant_camera.pictures import utc_now

log = logging.getLogger(__name__)

WRONG_FROM = 30.0  # seconds; below it is the network, and the whole seconds of the Date header


class Clock:
    """``offset``: seconds by which the own clock is ahead of the server's, None before the server was heard.

    ``heard_at`` is when that was last.
    """

    def __init__(self) -> None:
        self.offset: Optional[float] = None
        self.heard_at: Optional[datetime] = None
        self._said_wrong = False

    def heard(self, date_header: Optional[str], *, ago: timedelta = timedelta()) -> None:
        """Take in the ``Date`` of an answer that was written so long ago; nonsense is ignored."""
        at = self.heard_at = utc_now() - ago
        try:
            told = parsedate_to_datetime(date_header or "")
        except (TypeError, ValueError, IndexError):
            return
        if told.tzinfo is None:
            told = told.replace(tzinfo=timezone.utc)
        self.offset = round((at - told).total_seconds(), 1)
        self._say()

    @property
    def is_wrong(self) -> bool:
        return self.offset is not None and abs(self.offset) > WRONG_FROM

    def now(self) -> datetime:
        """The server's time as far as it is known, in UTC: for when to act. Pictures keep the own clock's."""
        own = utc_now()
        return own - timedelta(seconds=self.offset) if self.offset is not None and self.is_wrong else own

    def metadata(self) -> dict[str, float]:
        """What goes along with a picture: nothing while the clock is right."""
        return {"clock_offset_seconds": self.offset} if self.offset is not None and self.is_wrong else {}

    def _say(self) -> None:
        if self.is_wrong and not self._said_wrong and self.offset is not None:
            direction = "ahead of" if self.offset > 0 else "behind"
            log.warning(
                "this machine's clock is %.0f s %s the server's; is NTP on? Pictures keep its time, and say so",
                abs(self.offset),
                direction,
            )
        elif self._said_wrong and not self.is_wrong:
            log.info("this machine's clock is right again")
        self._said_wrong = self.is_wrong
