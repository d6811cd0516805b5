"""Reading what a camera was to do, what came of it and what was refused: three queries for many cameras."""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from captures.calendar.days import Found
from captures.calendar.matching import Sight
from captures.calendar.models import Rejection
from captures.models import CaptureQuerySet, DeletedCapture
from devices.models import ScheduleRule

RulesOfEach = dict[uuid.UUID, list[ScheduleRule]]


def rules_of(device_ids: Iterable[uuid.UUID]) -> RulesOfEach:
    """All rules that the cameras' schedules ever had, with their schedules. One query."""
    rules = ScheduleRule.unscoped.filter(schedule__device__in=list(device_ids)).select_related("schedule")
    each: RulesOfEach = defaultdict(list)
    for rule in rules:
        each[rule.schedule.device_id].append(rule)
    return each


def sights_of(captures: CaptureQuerySet) -> dict[uuid.UUID, list[Sight]]:
    """What is to be known of ``captures``, by camera, the earliest first. One query."""
    each: dict[uuid.UUID, list[Sight]] = defaultdict(list)
    columns = ("device_id", "pk", "captured_at", "trigger_id", "trigger_label")
    for device_id, *sight in captures.order_by("captured_at", "pk").values_list(*columns):
        each[device_id].append(Sight(*sight))
    return each


def _with_deleted(
    sights: dict[uuid.UUID, list[Sight]], device_ids: Iterable[uuid.UUID], since: datetime, until: datetime
) -> None:
    """Add the pictures that came and were deleted since, as far as they are remembered. One query."""
    rows = DeletedCapture.unscoped.filter(device__in=device_ids, captured_at__gte=since, captured_at__lt=until)
    columns = ("device_id", "pk", "captured_at", "trigger_id", "trigger_label")
    changed = set()
    for device_id, pk, captured_at, trigger_id, trigger_label in rows.values_list(*columns):
        sights[device_id].append(Sight(pk, captured_at, trigger_id, trigger_label, deleted=True))
        changed.add(device_id)
    for device_id in changed:
        sights[device_id].sort(key=lambda sight: (sight.captured_at, sight.pk))


def find(
    device_ids: Iterable[uuid.UUID],
    captures: CaptureQuerySet,
    *,
    rules: RulesOfEach,
    since: datetime,
    until: datetime,
) -> dict[uuid.UUID, Found]:
    """What there is of each camera from ``since`` on and before ``until``. Three queries."""
    ids = list(device_ids)
    between = {"captured_at__gte": since, "captured_at__lt": until, "device__in": ids}
    sights = sights_of(captures.filter(**between))
    _with_deleted(sights, ids, since, until)
    refused: dict[uuid.UUID, list[Rejection]] = defaultdict(list)
    for row in Rejection.unscoped.filter(**between).order_by("captured_at", "pk"):
        refused[row.device_id].append(row)
    return {pk: Found(rules.get(pk, ()), sights.get(pk, ()), refused.get(pk, ())) for pk in ids}
