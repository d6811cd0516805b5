"""Which picture answers which run of a schedule."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from visant_camera.schedule import OF_SCHEDULES

from captures.calendar.models import Rejection
from captures.calendar.runs import Run
from devices.services.commands import BY_HAND

# How long a picture that was taken in time may be under way before it counts as overdue. Short, as one that
# comes later mends it; health waits longer before it says that a camera is gone.
GRACE = timedelta(minutes=1)


class Answer(StrEnum):
    """What became of a run. ``rejected``: its picture came, and was refused; ``due``: it may still be answered in
    time, or is yet to come."""

    RECEIVED = "received"
    LATE = "late"
    MISSING = "missing"
    REJECTED = "rejected"
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
    """A run and what became of it: ``sight`` is the picture of it, else ``rejection`` the refused one."""

    run: Run
    answer: Answer
    sight: Sight | None = None
    rejection: Rejection | None = None


@dataclass(frozen=True, slots=True)
class Matching:
    """Each run with its answer, in their order, and the pictures and refused ones that answer none."""

    matches: list[Match]
    unplanned: list[Sight]
    rejections: list[Rejection]


def match_runs(
    runs: Sequence[Run], sights: Sequence[Sight], *, now: datetime, rejections: Sequence[Rejection] = ()
) -> Matching:
    """Find for each of ``runs`` (by when they are due) its picture, else the refused one that was taken for it.

    Each picture answers one run at most. One that names its run answers that one, in time or late. The others go
    by when they were taken: first those in time, then the late ones, the earliest run first.
    """
    answers = _assign(runs, sights)
    refused = {row.pk: row for row in rejections}
    as_sights = [Sight(row.pk, row.captured_at, row.record_id, "") for row in rejections]
    turned_down = _assign([run for run in runs if run not in answers], as_sights)
    matches = []
    for run in runs:
        sight = answers.get(run)
        rejection = refused[turned_down[run].pk] if run in turned_down else None
        matches.append(Match(run, _answer(run, sight, rejection, now), sight, rejection))
    taken = {sight.pk for sight in (*answers.values(), *turned_down.values())}
    return Matching(
        matches,
        [sight for sight in sights if sight.pk not in taken],
        [row for row in rejections if row.pk not in taken],
    )


def _assign(runs: Sequence[Run], sights: Sequence[Sight]) -> dict[Run, Sight]:
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
    return answers


def _first_free(
    free: list[Sight], moments: list[datetime], first: datetime, last: datetime, taken: set[UUID]
) -> Sight | None:
    """The earliest that was taken from ``first`` on and before ``last``."""
    for place in range(bisect_left(moments, first), bisect_left(moments, last)):
        if free[place].pk not in taken:
            return free[place]
    return None


def _answer(run: Run, sight: Sight | None, rejection: Rejection | None, now: datetime) -> Answer:
    if sight is not None:
        return Answer.RECEIVED if sight.captured_at < run.late_from else Answer.LATE
    if rejection is not None:
        return Answer.REJECTED
    return Answer.DUE if now < run.late_from + GRACE else Answer.MISSING
