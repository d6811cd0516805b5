"""Schedules that are run here, because the server's command does not come."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Callable, Optional

from visant_camera.configuration import Configuration, Schedule
from visant_camera.schedule import LATE, jitter_of, runs, trigger_id_of
from visant_camera.wishes import Wish

log = logging.getLogger(__name__)

GRACE = timedelta(seconds=10)  # how long a listening camera waits for the command of a run that is due
ALWAYS = datetime.min.replace(tzinfo=timezone.utc)


class Plan:
    """The runs of the schedules in force, with the server's own names for them.

    ``trigger_id`` names a run by its nominal moment, in the server's command and here alike; whichever comes
    first takes the picture, and the other finds it taken.
    """

    def __init__(
        self,
        *,
        configuration: Callable[[], Configuration],
        device_id: Callable[[], str],
        grace: timedelta = GRACE,
    ) -> None:
        self._configuration = configuration
        self._device_id = device_id
        self._grace = grace
        self._last: dict[str, datetime] = {}
        # Since when each rule is known: those of the start were in force before.
        self._known = {schedule.id: (schedule.rule, ALWAYS) for schedule in configuration().schedules}

    def __bool__(self) -> bool:
        """Whether any schedule is in force."""
        return bool(self._configuration().schedules)

    def due(self, now: datetime, *, listening: bool) -> list[Wish]:
        """The runs to make now: at most the newest one of each schedule, and each only once."""
        wishes = []
        for schedule in self._configuration().schedules:
            nominal = None
            for run, moment in self._runs(schedule, now, listening=listening):
                if moment > now:
                    break
                nominal = run
            last = self._last.get(schedule.id)
            # A last run that lies ahead is from before the clock was set back.
            if nominal is None or (last is not None and nominal <= last <= now):
                continue
            self._last[schedule.id] = nominal
            wishes.append(Wish(trigger_id_of(schedule.id, nominal), schedule.label, commanded=False))
        return wishes

    def next_moment(self, now: datetime, *, listening: bool) -> Optional[datetime]:
        """When ``due`` may have something again."""
        upcoming = (self._next_of(schedule, now, listening) for schedule in self._configuration().schedules)
        return min((moment for moment in upcoming if moment is not None), default=None)

    def _next_of(self, schedule: Schedule, now: datetime, listening: bool) -> Optional[datetime]:
        moments = (moment for _, moment in self._runs(schedule, now, listening=listening))
        return next((moment for moment in moments if moment > now), None)

    def _runs(self, schedule: Schedule, now: datetime, *, listening: bool) -> Iterator[tuple[datetime, datetime]]:
        """Each run's nominal moment, and when it is made here; beginning with those missed by little."""
        rule, since = self._known.get(schedule.id, (None, ALWAYS))
        if rule != schedule.rule:
            since = now
        # A clock that was set back must not put the beginning off.
        self._known[schedule.id] = (schedule.rule, min(since, now))
        delay = jitter_of(schedule.rule, self._device_id(), schedule.id) + (
            self._grace if listening else timedelta()
        )
        for nominal in runs(schedule.rule, max(now - delay - LATE, min(since, now))):
            yield nominal, nominal + delay
