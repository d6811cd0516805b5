"""Whether a camera delivers as planned, told by its last planned picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from captures.calendar.matching import GRACE, Answer, Match, Sight, match_runs
from captures.calendar.models import Rejection
from captures.calendar.runs import History, Run, latest_runs
from devices.models import Delivery, Device

# How far back the last planned picture is looked for: rare ones only after the usual ones.
LOOKS_BACK = (timedelta(minutes=15), timedelta(days=1), timedelta(days=8), timedelta(days=35), timedelta(days=400))
# Of many runs the last ones tell: how long a rule holds, and what another asked for before, costs nothing.
MOST_RUNS = 30


@dataclass(frozen=True)
class Standing:
    """How a camera delivers, and when the run was due that it shows since; None while nothing is planned."""

    delivery: Delivery
    since: datetime | None


def last_runs(device: Device, history: History, *, now: datetime) -> list[Run]:
    """The camera's latest runs: among them, as far as there were any, two that must be answered by now."""
    for span in LOOKS_BACK:
        latest = latest_runs(device, history, since=now - span, until=now, most=MOST_RUNS)
        runs = [run for run in latest if run.due <= now]
        if sum(_must_be_there(run, now) for run in runs) >= 2:
            return runs
    return runs


def changes_by_time(runs: Sequence[Run], *, since: datetime, now: datetime) -> bool:
    """Whether the standing by ``runs`` may have changed after ``since`` although no picture came."""
    turns = (moment for run in runs for moment in (run.late_from + GRACE, _lost_from(run)))
    return any(since < moment <= now for moment in turns)


def standing_of(
    runs: Sequence[Run], sights: Sequence[Sight], *, now: datetime, rejections: Sequence[Rejection] = ()
) -> Standing:
    """Told by the last run that was answered or is overdue; without any, nothing is planned.

    An overdue one counts as late at first, unless the one before is missing, too; then as missing. ``since`` is
    the moment of the first run of a row that did not come in time, else of the last one.
    """
    matches = match_runs(runs, sights, now=now, rejections=rejections).matches
    told = [match for match in matches if match.answer != Answer.DUE]
    if not told:
        return Standing(Delivery.UNPLANNED, None)
    first = told[-1]
    for match in reversed(told):
        if match.answer == Answer.RECEIVED:
            break
        first = match
    return Standing(_delivery(told, now), first.run.due)


def _delivery(told: Sequence[Match], now: datetime) -> Delivery:
    match = told[-1]
    if match.answer == Answer.RECEIVED:
        return Delivery.ON_TIME
    if match.answer == Answer.LATE:
        return Delivery.LATE
    if match.answer == Answer.REJECTED:
        return Delivery.REJECTED
    is_first = len(told) < 2 or told[-2].answer != Answer.MISSING
    return Delivery.LATE if is_first and now < _lost_from(match.run) else Delivery.MISSING


def _must_be_there(run: Run, now: datetime) -> bool:
    return run.late_from + GRACE <= now


def _lost_from(run: Run) -> datetime:
    """When an overdue picture counts as missing: it had three times the time it should take."""
    return run.due + 3 * (run.late_from - run.due) + GRACE
