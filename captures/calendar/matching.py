"""Which picture answers which run of a schedule."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from visant_camera.schedule import OF_SCHEDULES

from captures.calendar.runs import Run
from devices.services.commands import BY_HAND

# How long a picture that was taken in time may be under way before it counts as overdue. Short, as one that
# comes later mends it; health waits longer before it says that a camera is gone.
GRACE = timedelta(minutes=1)


class Answer(StrEnum):
    """What became of a run. ``due``: it may still be answered in time, or is yet to come."""

    RECEIVED = "received"
    LATE = "late"
    MISSING = "missing"
    DUE = "due"


@dataclass(frozen=True, slots=True)
class Sight:
    """What is to be known of a picture here. One that was ``deleted`` since has come all the same."""

    pk: UUID
    captured_at: datetime
    trigger_id: str
    trigger_label: str
    deleted: bool = False

    @property
    def says_what_for(self) -> bool:
        """Whether it was taken for one thing and answers nothing else."""
        return self.trigger_id.startswith(OF_SCHEDULES) or self.trigger_label == BY_HAND


@dataclass(frozen=True, slots=True)
class Match:
    """A run and what became of it; ``sight`` is the picture that answers it, None while there is none."""

    run: Run
    answer: Answer
    sight: Sight | None = None


@dataclass(frozen=True, slots=True)
class Matching:
    """Each run with its answer, in their order, and the pictures that answer none, by when they were taken."""

    matches: list[Match]
    unplanned: list[Sight]


def match_runs(runs: Sequence[Run], sights: Sequence[Sight], *, now: datetime) -> Matching:
    """Find for each of ``runs`` (by when they are due) its picture. Each picture answers one at most.

    One that names its run answers that one, in time or late. The others go by when they were taken: first those
    in time, then the late ones, the earliest run first.
    """
    named = {sight.trigger_id: sight for sight in reversed(sights) if sight.trigger_id}
    answers = {run: named[run.trigger_id] for run in runs if run.trigger_id in named}
    taken = {sight.pk for sight in answers.values()}
    free = sorted(
        (sight for sight in sights if sight.pk not in taken and not sight.says_what_for),
        key=lambda sight: sight.captured_at,
    )
    moments = [sight.captured_at for sight in free]
    for late in (False, True):
        for run in runs:
            if run not in answers:
                first, last = (run.late_from, run.over_at) if late else (run.early_from, run.late_from)
                found = _first_free(free, moments, first, last, taken)
                if found is not None:
                    answers[run] = found
                    taken.add(found.pk)
    matches = [Match(run, _answer(run, answers.get(run), now), answers.get(run)) for run in runs]
    return Matching(matches, [sight for sight in sights if sight.pk not in taken])


def _first_free(
    free: list[Sight], moments: list[datetime], first: datetime, last: datetime, taken: set[UUID]
) -> Sight | None:
    """The earliest that was taken from ``first`` on and before ``last``."""
    for place in range(bisect_left(moments, first), bisect_left(moments, last)):
        if free[place].pk not in taken:
            return free[place]
    return None


def _answer(run: Run, sight: Sight | None, now: datetime) -> Answer:
    if sight is not None:
        return Answer.RECEIVED if sight.captured_at < run.late_from else Answer.LATE
    return Answer.DUE if now < run.late_from + GRACE else Answer.MISSING
