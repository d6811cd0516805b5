"""Reading what a camera was to do, what came of it and what was refused: five queries for many cameras."""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q

from captures.calendar.days import Found
from captures.calendar.matching import Sight
from captures.calendar.models import Rejection
from captures.calendar.runs import History
from captures.models import CaptureQuerySet, DeletedCapture
from devices.models import ScheduleRule, ServiceBreak

HistoryOfEach = dict[uuid.UUID, History]


def histories_of(device_ids: Iterable[uuid.UUID]) -> HistoryOfEach:
    """All rules that the cameras' schedules ever had, and when each was out of service. Two queries."""
    ids = list(device_ids)
    rules: dict[uuid.UUID, list[ScheduleRule]] = defaultdict(list)
    for rule in ScheduleRule.unscoped.filter(schedule__device__in=ids).select_related("schedule"):
        rules[rule.schedule.device_id].append(rule)
    breaks: dict[uuid.UUID, list[ServiceBreak]] = defaultdict(list)
    for row in ServiceBreak.unscoped.filter(device__in=ids):
        breaks[row.device_id].append(row)
    return {pk: History(rules.get(pk, ()), breaks.get(pk, ())) for pk in ids}


def sights_of(wanted: Q, captures: CaptureQuerySet) -> dict[uuid.UUID, list[Sight]]:
    """What is to be known of ``captures`` that are ``wanted``, by camera, the earliest first. Two queries.

    Among them are those that came and were deleted since, as far as they are remembered.
    """
    each: dict[uuid.UUID, list[Sight]] = defaultdict(list)
    columns = ("device_id", "pk", "captured_at", "trigger_id", "trigger_label")
    for device_id, *sight in captures.filter(wanted).values_list(*columns):
        each[device_id].append(Sight(*sight))
    gone = DeletedCapture.unscoped.filter(wanted).values_list(*columns)
    for device_id, pk, captured_at, trigger_id, trigger_label in gone:
        each[device_id].append(Sight(pk, captured_at, trigger_id, trigger_label, deleted=True))
    for sights in each.values():
        sights.sort(key=lambda sight: (sight.captured_at, sight.pk))
    return each


def find(
    device_ids: Iterable[uuid.UUID],
    captures: CaptureQuerySet,
    *,
    histories: HistoryOfEach,
    since: datetime,
    until: datetime,
) -> dict[uuid.UUID, Found]:
    """What there is of each camera from ``since`` on and before ``until``. Three queries."""
    ids = list(device_ids)
    between = Q(captured_at__gte=since, captured_at__lt=until, device__in=ids)
    sights, refused = sights_of(between, captures), rejections_of(between)
    return {pk: Found(histories[pk], sights.get(pk, ()), refused.get(pk, ())) for pk in ids}


def rejections_of(wanted: Q) -> dict[uuid.UUID, list[Rejection]]:
    """The refused pictures that are ``wanted``, by camera, the earliest first. One query."""
    each: dict[uuid.UUID, list[Rejection]] = defaultdict(list)
    for row in Rejection.unscoped.filter(wanted).order_by("captured_at", "pk"):
        each[row.device_id].append(row)
    return each
