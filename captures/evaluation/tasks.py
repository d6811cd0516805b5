"""Waking the workers. A task is only a wake-up: what there is to do stands in the captures' rows."""

import time
from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from django_tasks import TaskResult, TaskResultStatus, task
from django_tasks.exceptions import TaskResultDoesNotExist

from captures.evaluation.services import evaluate_next
from captures.models import Capture
from orgs import scope

# A worker asked to stop finishes its task first; so a task is short, and the next one carries on.
SECONDS_A_TASK = 2.0
# A wake-up not answered by then is thought lost: its worker was killed.
FORGET_AFTER = timedelta(minutes=1)

_waiting: list[TaskResult] = []


@task()
def evaluate_due() -> int:
    """Judge due captures for a moment and return how many were judged."""
    until = time.monotonic() + SECONDS_A_TASK
    count = 0
    while time.monotonic() < until and evaluate_next():
        count += 1
    return count


def wake_workers() -> None:
    """When captures are due, see that as many wake-ups wait as there may be workers, and no more."""
    with scope.across_organizations("workers are woken for all organizations"):
        due = Capture.unscoped.due_at(timezone.now())[: settings.VISANT_WORKERS].count()
    if not due:
        return
    _waiting[:] = [wake for wake in _waiting if _still_waits(wake)]
    for _ in range(due - len(_waiting)):
        _waiting.append(evaluate_due.enqueue())


def _still_waits(wake: TaskResult) -> bool:
    try:
        wake.refresh()
    except TaskResultDoesNotExist:
        return False  # pruned: it finished long ago
    if wake.status != TaskResultStatus.READY or wake.enqueued_at is None:
        return False
    return wake.enqueued_at > timezone.now() - FORGET_AFTER
