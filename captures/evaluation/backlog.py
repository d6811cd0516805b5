"""How far the workers are behind, and what they found lately."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Count
from django.utils import timezone

from captures.calendar.days import moment_id
from captures.evaluation.models import Evaluation
from captures.models import Capture, State
from orgs import scope

# Beyond, it is enough to know that there are more: the answer costs the same however far behind they are.
MOST_COUNTED = 10_000


class Backlog(NamedTuple):
    """``waiting`` pictures could be judged now; the one that could the longest ago waits ``seconds``."""

    waiting: int
    seconds: float


def backlog(*, now: datetime | None = None) -> Backlog:
    """Return what is due, in all organizations; ``waiting`` is at most MOST_COUNTED."""
    now = now or timezone.now()
    with scope.across_organizations("how far the workers are behind, in all organizations"):
        due = Capture.unscoped.due_at(now)
        waiting = due[:MOST_COUNTED].count()
        first = due.order_by("evaluation_due_at").values_list("evaluation_due_at", flat=True).first()
    return Backlog(waiting, (now - first).total_seconds() if first else 0.0)


def outcomes_of_last_minute(*, now: datetime | None = None) -> dict[str, int]:
    """Return how often evaluators gave each verdict, or ``failed``. Read from the end of the ids' index."""
    first = moment_id((now or timezone.now()) - timedelta(minutes=1))
    with scope.across_organizations("how much is judged, in all organizations"):
        found = Evaluation.unscoped.filter(pk__gte=first).values_list("verdict").annotate(Count("pk"))
        return {**dict.fromkeys([*State.values, "failed"], 0), **{key or "failed": count for key, count in found}}
