"""Foreseeing what rules would delete: at once where that is quick, else by a worker."""

import hashlib
import json
import math
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from captures.retention.deadline import TakesTooLong, ending_at
from captures.retention.models import Forecast
from captures.retention.preview import Preview, current_rules, preview
from captures.retention.rules import Rule, Rules
from devices.models import Device
from orgs import scope
from orgs.models import Organization

# So long somebody looks at a page that does not come yet, and a web process lets others wait.
AT_ONCE_SECONDS = 5.0
# What was counted is shown for so long to whoever asks the same; pictures are labelled and held meanwhile.
FRESH = timedelta(minutes=15)
FORGOTTEN = timedelta(days=1)
# A worker says so often that it is at work; after such a silence another one begins anew.
LEASE = timedelta(minutes=5)
BREATH_SECONDS = 30.0
# One that is killed each time is not helped by more.
MOST_ATTEMPTS = 3


def at_once() -> float:
    """Until when, on the monotonic clock, a request that begins now may count."""
    return time.monotonic() + AT_ONCE_SECONDS


def foresee(
    org: Organization,
    *,
    at: datetime,
    until: float,
    rules: Rules | None = None,
    device: Device | None = None,
) -> Forecast:
    """Return what pruning at that moment would delete, as :func:`preview` does, or that it is being counted.

    What is not counted ``until`` then is left to a worker: wake one for a forecast that is ``waiting``. Whoever
    asks the same for the same night gets the same one, until it is no longer fresh. One counted at once is no row.
    """
    question = _question(org, current_rules(org) if rules is None else rules, device)
    key = _key(org, question, at)
    known = org.forecasts.filter(key=key).first()
    if known is not None and _stands(known):
        return known
    try:
        with ending_at(until):
            done = preview(org, at=at, rules=_rules(question), device=device)
        now = timezone.now()
        numbers = {"pictures": done.pictures, "bytes": done.bytes, "kept": done.kept}
        return Forecast(org=org, key=key, question=question, at=at, asked_at=now, finished_at=now, **numbers)
    except TakesTooLong:
        if known is not None:
            org.forecasts.filter(pk=known.pk).delete()
        return org.forecasts.get_or_create(key=key, defaults={"question": question, "at": at})[0]


def limited_to(org: Organization, most_days: int | None) -> Organization:
    """The organization as it would be if it kept so many days at most; nothing is saved."""
    org = copy(org)
    org.retention_days = most_days
    return org


def preview_of(forecast: Forecast) -> Preview | None:
    """Its numbers, once they are there."""
    if forecast.state != "done":
        return None
    return Preview(forecast.at, forecast.pictures, forecast.bytes, dict(sorted(forecast.kept.items())))


def rule_asked(forecast: Forecast) -> Rule:
    """The rule that the forecast is about: the camera's, or the organization's."""
    return _rules(forecast.question).get(camera_of(forecast), Rule())


def most_days_asked(forecast: Forecast) -> int | None:
    """What any camera would keep at most."""
    days: int | None = forecast.question["most_days"]
    return days


def camera_of(forecast: Forecast) -> uuid.UUID | None:
    told = forecast.question["device"]
    return uuid.UUID(told) if told else None


def count_next_forecast() -> bool:
    """Count the forecast that waits the longest; False when none does."""
    with scope.across_organizations("a worker counts for all organizations, each within its own"):
        forecast = _claim()
        if forecast is None:
            return False
        org = Organization.objects.get(pk=forecast.org_id)
    with scope.within(org.pk), _before_each_statement(_breath(forecast)):
        asked = camera_of(forecast)
        device = org.devices.filter(pk=asked).first() if asked else None
        if asked and device is None:
            _finish(forecast, error="The camera is not there any more.")
            return True
        org = limited_to(org, most_days_asked(forecast))
        done = preview(org, at=forecast.at, rules=_rules(forecast.question), device=device)
        _finish(forecast, pictures=done.pictures, bytes=done.bytes, kept=done.kept)
    return True


def is_forecast_waiting() -> bool:
    with scope.across_organizations("workers are woken for all organizations"):
        return Forecast.unscoped.waiting_at(timezone.now()).exists()


def forget_forecasts() -> None:
    """Nobody looks at yesterday's any more."""
    with scope.across_organizations("forgets what was foreseen for all organizations"):
        Forecast.unscoped.filter(asked_at__lt=timezone.now() - FORGOTTEN).delete()


def _question(org: Organization, rules: Rules, device: Device | None) -> dict[str, Any]:
    told = {str(pk or ""): asdict(rule) for pk, rule in rules.items()}
    return {"rules": told, "most_days": org.retention_days, "device": str(device.pk) if device else ""}


def _rules(question: dict[str, Any]) -> Rules:
    return {uuid.UUID(pk) if pk else None: Rule(**rule) for pk, rule in question["rules"].items()}


def _key(org: Organization, question: dict[str, Any], at: datetime) -> str:
    # By the night, not the moment: while a pruning is overdue, its moment is always now.
    night = at.astimezone(org.clock).date()
    return hashlib.sha256(json.dumps([question, str(night)], sort_keys=True).encode()).hexdigest()


def _stands(forecast: Forecast) -> bool:
    if forecast.finished_at is None:
        return True
    return not forecast.error and forecast.finished_at > timezone.now() - FRESH


def _claim() -> Forecast | None:
    now = timezone.now()
    for forecast in Forecast.unscoped.waiting_at(now).order_by("due_at"):
        if forecast.attempts >= MOST_ATTEMPTS:
            _finish(forecast, error="It was begun several times and never came to its end. Ask again later.")
            continue
        free = Forecast.unscoped.waiting_at(now).filter(pk=forecast.pk, attempts=forecast.attempts)
        if free.update(due_at=now + LEASE, attempts=forecast.attempts + 1):
            forecast.attempts += 1
            return forecast
    return None


def _finish(forecast: Forecast, **fields: object) -> None:
    """Of one that another worker has begun anew nothing is written."""
    mine = Forecast.unscoped.filter(pk=forecast.pk, attempts=forecast.attempts, finished_at=None)
    mine.update(finished_at=timezone.now(), **fields)


@contextmanager
def _before_each_statement(call: Callable[[], None]) -> Iterator[None]:
    """A selection may read for minutes before it yields anything; what it reads, it reads in small statements."""

    def called(execute: Callable[..., Any], *args: Any) -> Any:
        call()
        return execute(*args)

    with connection.execute_wrapper(called):
        yield


def _breath(forecast: Forecast) -> Callable[[], None]:
    """Return what keeps the lease, writing twice a minute at most."""
    last = time.monotonic()

    def breathe() -> None:
        nonlocal last
        if time.monotonic() - last > BREATH_SECONDS:
            last = math.inf  # what is written here is a statement itself
            mine = Forecast.unscoped.filter(pk=forecast.pk, attempts=forecast.attempts)
            mine.update(due_at=timezone.now() + LEASE)
            last = time.monotonic()

    return breathe
