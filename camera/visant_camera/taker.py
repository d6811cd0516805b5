"""Takes pictures when they are wanted: by a command, a schedule, or the plain interval."""

from __future__ import annotations

import dataclasses
import logging
import queue
import time
from typing import Callable, Optional, Union

from visant_camera.clock import Clock
from visant_camera.configuration import Configuration
from visant_camera.journal import Journal
from visant_camera.pictures import Picture
from visant_camera.plan import Plan
from visant_camera.schedule import SCHEDULE
from visant_camera.shrink import shrink
from visant_camera.sources import NoPicture, NothingYet, Source
from visant_camera.spool import Spool
from visant_camera.wishes import Wish

log = logging.getLogger(__name__)

SHORTEST_RETRY = 0.5  # seconds; keeps an interval of 0 from asking a dead camera without pause
OWN_PACE = 1.0  # seconds between two looks at a source whose pictures are taken elsewhere
LONGEST_PAUSE = 30.0  # seconds; then it looks again, should the clock have been set
INBOX = 200  # commands that wait at most; the server repeats the others


class Taker:
    """Runs in one thread, so that no two wishes for the same picture meet.

    A trigger is carried out when its picture is neither in the spool nor settled in the journal. The spool is
    asked first: a picture is noted in the journal before it leaves the spool, never the other way round.
    """

    def __init__(
        self,
        source: Source,
        spool: Spool,
        journal: Journal,
        plan: Plan,
        clock: Clock,
        *,
        configuration: Callable[[], Configuration],
        listening: Callable[[], bool],
        acknowledge: Callable[[str, str], None],
        spooled: Callable[[], None],
        interval: Optional[float],
        label: str,
        longest_pause: float = LONGEST_PAUSE,
    ) -> None:
        """``acknowledge`` tells the server how a trigger ended, ``spooled`` that a picture waits to be sent."""
        self.taken = self.lost = 0
        self._source, self._spool, self._journal, self._plan, self._clock = source, spool, journal, plan, clock
        self._configuration, self._listening = configuration, listening
        self._acknowledge, self._spooled = acknowledge, spooled
        self._interval = 0.0 if source.own_pace else interval
        self._retry = OWN_PACE if source.own_pace else SHORTEST_RETRY
        self._label = label
        self._longest_pause = longest_pause
        self._asked_again: set[str] = set()
        self._due_at = time.monotonic()
        self._inbox: queue.Queue[Optional[Wish]] = queue.Queue(INBOX)

    def wish(self, wish: Optional[Wish]) -> None:
        """From any thread: take this picture; None: look again what is due."""
        try:
            self._inbox.put_nowait(wish)
        except queue.Full:
            if wish is not None:
                log.error("too many commands at once; %s waits until the server repeats it", wish.trigger_id)

    def turn(self) -> None:
        """Wait for what is wanted next and take it. To be called again and again, until ``StopIteration``."""
        try:
            wanted = self._inbox.get(timeout=self._pause())
        except queue.Empty:
            wanted = None
        if wanted is not None:
            self.carry_out(wanted)
        for wish in self._plan.due(self._clock.now(), listening=self._listening()):
            self.carry_out(wish)
        if not self._plan and self._interval is not None and time.monotonic() >= self._due_at:
            self._take_by_interval(self._interval)

    def carry_out(self, wish: Wish) -> None:
        """Take the picture of a trigger, once."""
        on_its_way = wish.trigger_id in self._spool
        if on_its_way and wish.commanded:
            self._asked_again.add(wish.trigger_id)
        ended = self._journal.how(wish.trigger_id)
        if ended is not None:
            # Where it was on its way, ``arrived`` may have answered meanwhile.
            if wish.commanded and (not on_its_way or self._owes_answer(wish.trigger_id)):
                self._acknowledge(wish.trigger_id, ended)
            return
        if on_its_way:
            return  # its upload is the answer
        if self._source.own_pace:
            self._give_up(wish, "The pictures of this camera are taken elsewhere, not when it is asked.")
            return
        failure = self._take(wish.label, trigger_id=wish.trigger_id, important=wish.important)
        if failure:
            self._give_up(wish, failure)

    def arrived(self, trigger_id: str) -> None:
        """From any thread, once it is settled in the journal: the server has the picture of this trigger.

        A command that came while the picture was on its way may be younger than the upload, which then did not
        close it; so it is answered by itself.
        """
        if self._owes_answer(trigger_id):
            self._acknowledge(trigger_id, "")

    def _owes_answer(self, trigger_id: str) -> bool:
        """From any thread: whether a command is to be answered by itself; True to one of those who ask."""
        try:
            self._asked_again.remove(trigger_id)
        except KeyError:
            return False
        return True

    def _give_up(self, wish: Wish, failure: str) -> None:
        try:
            self._journal.note(wish.trigger_id, failure)
        except OSError as error:
            log.error("cannot note how %s ended: %s", wish.trigger_id, error)
        self._acknowledge(wish.trigger_id, failure)

    def _take_by_interval(self, interval: float) -> None:
        # A late picture moves the next ones; it never causes a burst.
        self._due_at = max(self._due_at + interval, time.monotonic())
        if self._take(self._label, important=self._label != SCHEDULE):
            self._due_at = max(self._due_at, time.monotonic() + self._retry)

    def _take(self, label: str, *, trigger_id: str = "", important: bool = False) -> str:
        """Why there is no picture, "" when it is in the spool."""
        try:
            picture = next(self._source)
            finished = self._finish(picture)
            record = self._spool.add(finished, trigger_label=label, trigger_id=trigger_id, important=important)
        except NothingYet:
            return "nothing yet"
        except NoPicture as error:
            log.warning("no picture this time: %s", error)
            return f"The camera could not take a picture: {error}."
        except OSError as error:
            self.lost += 1
            log.error(
                "lost a picture: the spool cannot be written (%s); %d lost so far", error.strerror, self.lost
            )
            return f"The camera cannot write to its disk: {error.strerror}."
        self.taken += 1
        if record is None:
            return "The camera's spool is full of more important pictures."
        self._source.kept(picture)
        log.debug("took %s (%d KB)", record.record_id, round(record.size / 1024))
        self._spooled()
        return ""

    def _finish(self, picture: Picture) -> Picture:
        configuration = self._configuration()
        told: dict[str, Union[str, int, float]] = {**picture.metadata, **self._clock.metadata()}
        picture = dataclasses.replace(picture, metadata=told)
        return shrink(picture, max_width=configuration.max_width, quality=configuration.quality)

    def _pause(self) -> float:
        now = self._clock.now()
        pauses = [self._longest_pause]
        moment = self._plan.next_moment(now, listening=self._listening())
        if moment is not None:
            pauses.append((moment - now).total_seconds())
        if not self._plan and self._interval is not None:
            pauses.append(self._due_at - time.monotonic())
        return max(0.0, min(pauses))
