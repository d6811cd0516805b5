"""How far the workers are behind."""

from datetime import datetime
from typing import NamedTuple

from django.utils import timezone

from captures.models import Capture
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
