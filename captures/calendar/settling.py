"""Keeping the calendar: the days of all cameras, and whether each delivers as planned.

A turn takes the cameras that were not looked at the longest, and what came in since. Several schedulers at once
do no harm: days are written whole, and what one of them overlooks the next turn finds.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import reduce
from operator import or_

from django.db.models import F, Q
from django.utils import timezone

from captures.calendar.days import MARGIN, Found, bounds_of, report_day
from captures.calendar.delivery import changes_by_time, last_runs, standing_of
from captures.calendar.found import HistoryOfEach, find, histories_of, rejections_of, sights_of
from captures.calendar.models import COUNTS, CalendarDay
from captures.calendar.news import News, news_since
from captures.calendar.runs import History, Run, ends_of
from captures.models import Capture
from devices.clocks import clock_of
from devices.models import Delivery, Device, ScheduleRule
from devices.services.conditions import Delivered, note_deliveries
from orgs import scope

# What was looked at more lately is left to whoever did.
AT_MOST_EVERY = timedelta(seconds=20)
CAMERAS_A_TURN = 5000
BATCH = 100
# So many days are settled for a batch of cameras before their turn is noted; the rest of them waits.
DAYS_A_BATCH = 500
# An id is made before the picture's bytes are written, and its row is seen after that.
OVERLAP = timedelta(minutes=2)
# Of a camera that was not looked at yet, or not for long, what came before is passed over.
FIRST_LOOK = timedelta(days=1)
LONGEST_LOOK = timedelta(days=7)
# The days that are still going on are settled so often; pages count them themselves.
PACE = timedelta(minutes=5)

Day = tuple[Device, date]


def settle_calendar(*, now: datetime | None = None) -> int:
    """Bring the calendar up to ``now``; return how many days were settled. Safe to run often and at once."""
    now = now or timezone.now()
    with scope.across_organizations("keeps the calendar of all organizations"):
        devices = list(_longest_ago(now))
        if not devices:
            return 0
        news = news_since(min(_watermark(device, now) for device in devices))
        starts = range(0, len(devices), BATCH)
        return sum(_settle_batch(devices[start : start + BATCH], news, now) for start in starts)


def _longest_ago(now: datetime) -> Iterable[Device]:
    looked = F("status__delivery_checked_at")
    waiting = Q(status__delivery_checked_at=None) | Q(status__delivery_checked_at__lte=now - AT_MOST_EVERY)
    devices = Device.unscoped.in_service().filter(waiting).select_related("status", "org")
    heavy = ("configuration", "status__health", "status__reported_configuration", "status__differs_since")
    return devices.defer(*heavy).order_by(looked.asc(nulls_first=True), "pk")[:CAMERAS_A_TURN]


def _watermark(device: Device, now: datetime) -> datetime:
    """From when on what came in counts as news of this camera."""
    looked = device.status.delivery_checked_at
    if looked is None:
        return max(device.created_at, now - FIRST_LOOK) - OVERLAP
    return max(looked - OVERLAP, now - LONGEST_LOOK)


def _settle_batch(devices: Sequence[Device], news: dict[uuid.UUID, News], now: datetime) -> int:
    """Settle what changed for these cameras, then note that they were looked at."""
    histories = histories_of(device.pk for device in devices)
    changed = {device.pk: set(_changed_days(device, news.get(device.pk), histories, now)) for device in devices}
    open_days = _unsettled(devices, histories, now)
    taken, days = _up_to(DAYS_A_BATCH, devices, {pk: changed[pk] | open_days[pk] for pk in changed})
    _settle_days(days, histories, now)
    found = list(_deliveries(taken, news, histories, now))
    note_deliveries(found=found, checked=[device.pk for device in taken], at=now)
    return len(days)


def _up_to(
    most: int, devices: Sequence[Device], wanted: dict[uuid.UUID, set[date]]
) -> tuple[list[Device], list[Day]]:
    """As many of the cameras, at least one, as come with no more than ``most`` days together."""
    taken: list[Device] = []
    days: list[Day] = []
    for device in devices:
        if taken and len(days) + len(wanted[device.pk]) > most:
            break
        taken.append(device)
        days += [(device, day) for day in sorted(wanted[device.pk])]
    return taken, days


# --- which days


def _changed_days(device: Device, news: News | None, histories: HistoryOfEach, now: datetime) -> Iterator[date]:
    """The days of which pictures came. Of a camera with schedules the present one is settled by its pace."""
    if news is None:
        return
    zone = clock_of(device)
    today = now.astimezone(zone).date()
    for day in news.days(zone):
        if day != today or not histories[device.pk].rules:
            yield day


def _unsettled(devices: Sequence[Device], histories: HistoryOfEach, now: datetime) -> dict[uuid.UUID, set[date]]:
    """The days with something planned that are still going on, or were settled before they were over."""
    planned = {device.pk: _planned_days(device, histories[device.pk].rules, now) for device in devices}
    first = min((day for days in planned.values() for day in days), default=None)
    settled: dict[tuple[uuid.UUID, date], datetime] = {}
    if first is not None:
        rows = CalendarDay.unscoped.filter(device__in=[pk for pk, days in planned.items() if days], day__gte=first)
        settled = {(pk, day): at for pk, day, at in rows.values_list("device_id", "day", "settled_at")}
    return {
        device.pk: {day for day in planned[device.pk] if _is_due(settled.get((device.pk, day)), device, day, now)}
        for device in devices
    }


def _planned_days(device: Device, rules: Sequence[ScheduleRule], now: datetime) -> list[date]:
    """The last days, the present one included, on which one of the rules held."""
    if not rules:
        return []
    zone = clock_of(device)
    today = now.astimezone(zone).date()
    days = (today - timedelta(days=back) for back in range(LONGEST_LOOK.days + 1))
    return [day for day in days if any(_held_on(rule, *bounds_of(day, zone)) for rule in rules)]


def _held_on(rule: ScheduleRule, start: datetime, end: datetime) -> bool:
    ended = ends_of(rule)
    return rule.valid_from < end and (ended is None or ended > start)


def _is_due(settled_at: datetime | None, device: Device, day: date, now: datetime) -> bool:
    if settled_at is None:
        return True
    decided = bounds_of(day, clock_of(device))[1] + MARGIN
    return settled_at < decided and (now >= decided or settled_at <= now - PACE)


# --- writing them


def _settle_days(days: Sequence[Day], histories: HistoryOfEach, now: datetime) -> None:
    """Count the days and write their rows: four statements for each day of the calendar there is among them."""
    by_day: dict[date, list[Device]] = defaultdict(list)
    for device, day in days:
        by_day[day].append(device)
    for day, devices in sorted(by_day.items()):
        bounds = [bounds_of(day, clock_of(device)) for device in devices]
        since, until = min(start for start, _ in bounds) - MARGIN, max(end for _, end in bounds) + MARGIN
        captures = Capture.unscoped.all()
        found = find([device.pk for device in devices], captures, histories=histories, since=since, until=until)
        _write([report_day(device, day, found[device.pk], now=now).counts for device in devices])


def _write(rows: list[CalendarDay]) -> None:
    written = [*COUNTS, "settled_at"]
    CalendarDay.unscoped.bulk_create(
        rows, update_conflicts=True, unique_fields=["device", "day"], update_fields=written
    )


# --- delivering as planned


@dataclass(frozen=True)
class _Planned:
    device: Device
    runs: list[Run]


def _deliveries(
    devices: Sequence[Device], news: dict[uuid.UUID, News], histories: HistoryOfEach, now: datetime
) -> Iterator[Delivered]:
    """What is new about the cameras. Three queries, for the pictures of those whose standing may have changed."""
    planned = [
        _Planned(device, last_runs(device, holding, now=now))
        for device in devices
        if (holding := _holding(histories[device.pk])).rules
    ]
    looked_at = [each for each in planned if _may_have_changed(each, news, now)]
    found = _found_around(looked_at)
    runs = {each.device.pk: each.runs for each in looked_at}
    without = {device.pk for device in devices} - {each.device.pk for each in planned}
    for device in devices:
        if device.pk in runs or device.pk in without or device.pk in news:
            fresh = _delivered(device, runs.get(device.pk), device.pk in without, found, news, now)
            if fresh is not None:
                yield fresh


def _holding(history: History) -> History:
    """With the rules, past ones among them, of the schedules that hold now."""
    rules = [rule for rule in history.rules if rule.schedule.enabled and rule.schedule.removed_at is None]
    return replace(history, rules=rules)


def _may_have_changed(each: _Planned, news: dict[uuid.UUID, News], now: datetime) -> bool:
    device = each.device
    looked = device.status.delivery_checked_at
    if looked is None or device.pk in news or device.configured_at > looked - OVERLAP:
        return True
    return changes_by_time(each.runs, since=looked, now=now)


def _found_around(planned: Sequence[_Planned]) -> dict[uuid.UUID, Found]:
    """What came and what was refused since their first runs. Three queries."""
    asked = [Q(device=each.device.pk, captured_at__gte=each.runs[0].early_from) for each in planned if each.runs]
    if not asked:
        return {}
    wanted = reduce(or_, asked)
    sights, refused = sights_of(wanted, Capture.unscoped.all()), rejections_of(wanted)
    return {pk: Found(sights=sights.get(pk, ()), rejections=refused.get(pk, ())) for pk in {*sights, *refused}}


def _received_at(device: Device, news: dict[uuid.UUID, News]) -> datetime | None:
    came = [device.status.last_received_at, news[device.pk].received_at if device.pk in news else None]
    return max(filter(None, came), default=None)


def _delivered(
    device: Device,
    runs: list[Run] | None,
    is_unplanned: bool,
    found: dict[uuid.UUID, Found],
    news: dict[uuid.UUID, News],
    now: datetime,
) -> Delivered | None:
    """What is to be noted of the camera; None while it is as it was."""
    status = device.status
    delivery, since = Delivery(status.delivery), status.delivery_since
    if is_unplanned:
        delivery, since = Delivery.UNPLANNED, None
    elif runs is not None:
        came = found.get(device.pk, Found())
        standing = standing_of(runs, came.sights, now=now, rejections=came.rejections)
        if _is_well(standing.delivery) != _is_well(delivery) or since is None:
            since = standing.since
        delivery = standing.delivery
    received_at = _received_at(device, news)
    if (delivery, since, received_at) == (status.delivery, status.delivery_since, status.last_received_at):
        return None
    return Delivered(device.pk, delivery, since, received_at)


def _is_well(delivery: Delivery) -> bool | None:
    return None if delivery == Delivery.UNPLANNED else delivery == Delivery.ON_TIME
