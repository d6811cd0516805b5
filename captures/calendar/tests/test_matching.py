"""Which runs were planned, and which picture answers which."""

import itertools
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from captures.calendar.days import bounds_of
from captures.calendar.delivery import last_runs, standing_of
from captures.calendar.matching import Sight, match_runs
from captures.calendar.runs import planned_runs
from devices.models import Device, Schedule, ScheduleRule
from devices.planning import delay_of, moments_of
from orgs.ids import uuid7
from orgs.models import Organization

EIGHT = datetime(2026, 3, 4, 8, 0, tzinfo=UTC)
LATER = EIGHT + timedelta(days=1)


def at(minutes: float) -> datetime:
    return EIGHT + timedelta(minutes=minutes)


def camera(**fields: object) -> Device:
    return Device(org=Organization(name="Acme", time_zone="UTC"), name="Gate", **fields)


def rule(
    device: Device, *, removed_at: datetime | None = None, enabled: bool = True, **fields: object
) -> ScheduleRule:
    schedule = Schedule(device=device, label="Rounds", removed_at=removed_at, enabled=enabled)
    return ScheduleRule(schedule=schedule, **{"time_zone": "UTC", "valid_from": at(-1e4), **fields})


def sight(minutes: float, trigger_id: str = "", label: str = "") -> Sight:
    return Sight(uuid7(), at(minutes), trigger_id, label)


def nominal(device: Device, rules: list[ScheduleRule], minutes: float = 60) -> list[float]:
    runs = planned_runs(device, rules, since=EIGHT, until=at(minutes))
    return [(run.nominal - EIGHT).total_seconds() / 60 for run in runs]


def answers(sights: list[Sight], *, now: datetime = LATER, minutes: float = 30, **fields: object) -> list[str]:
    device = camera()
    runs = planned_runs(device, [rule(device, interval_seconds=600, **fields)], since=EIGHT, until=at(minutes))
    return [str(match.answer) for match in match_runs(runs, sights, now=now).matches]


# --- planned


def test_a_window_takes_its_beginning_and_leaves_its_end():
    device = camera()
    assert nominal(device, [rule(device, interval_seconds=600)], 30) == [0, 10, 20]


def test_each_rule_plans_while_it_holds():
    device = camera()
    old = rule(device, interval_seconds=600, valid_until=at(25))
    new = rule(device, interval_seconds=900, valid_from=at(25))
    assert nominal(device, [new, old]) == [0, 10, 20, 30, 45]


def test_what_was_removed_switched_off_or_out_of_service_plans_no_more():
    device = camera()
    assert nominal(device, [rule(device, interval_seconds=600, removed_at=at(15))]) == [0, 10]
    assert nominal(device, [rule(device, interval_seconds=600, enabled=False)]) == []
    for out in ("suspended_at", "retired_at"):
        device = camera(**{out: at(15)})
        assert nominal(device, [rule(device, interval_seconds=600)]) == [0, 10]


def test_a_run_is_due_when_its_jitter_is_over_and_keeps_its_name():
    device = camera()
    put_off = rule(device, interval_seconds=600, jitter_seconds=300)
    [run] = planned_runs(device, [put_off], since=EIGHT, until=at(10))
    assert run.due == EIGHT + delay_of(put_off, device_id=device.pk)
    assert run.trigger_id == f"schedule-{put_off.schedule_id}-{int(EIGHT.timestamp())}"


# --- answered


@pytest.mark.parametrize(
    ("minutes", "answer"),
    [
        (-0.6, "missing"),  # more than 30 s early
        (-0.5, "received"),
        (0, "received"),
        (4.9, "received"),
        (5, "late"),
        (9.4, "late"),
        (9.6, "missing"),  # that is the next one's, which is not asked for here
    ],
)
def test_in_time_late_or_missing(minutes, answer):
    assert answers([sight(minutes)], minutes=10) == [answer]


def test_each_picture_answers_one_run_and_each_run_one_picture():
    assert answers([sight(0), sight(1), sight(10)]) == ["received", "received", "missing"]
    matching = match_runs([], [sight(3), sight(1)], now=LATER)
    assert (matching.matches, len(matching.unplanned)) == ([], 2)


def test_a_picture_in_time_is_not_taken_for_a_late_one():
    assert answers([sight(10.1)]) == ["missing", "received", "missing"]


def test_no_run_is_missed_before_its_time_is_up():
    assert answers([], now=at(5.9), minutes=10) == ["due"]
    assert answers([], now=at(6), minutes=10) == ["missing"]


def test_a_picture_that_names_its_run_answers_that_one_whenever_it_was_taken():
    device = camera()
    runs = planned_runs(device, [rule(device, interval_seconds=600)], since=EIGHT, until=at(30))
    named = [sight(25, runs[0].trigger_id), sight(10, runs[1].trigger_id), sight(20)]
    matches = match_runs(runs, named, now=LATER).matches
    assert [(match.answer, match.sight) for match in matches] == [
        ("late", named[0]),
        ("received", named[1]),
        ("received", named[2]),
    ]


def test_what_was_taken_for_something_else_answers_nothing():
    by_hand = sight(0, "0190", "manual")
    of_another = sight(0, f"schedule-{UUID(int=1)}-1")
    assert answers([by_hand, of_another], minutes=10) == ["missing"]
    assert answers([sight(0, "mine-7", "timer")], minutes=10) == ["received"]


def test_lateness_ends_after_an_hour():
    device = camera()
    daily = rule(device, cron="0 8 * * *")
    runs = planned_runs(device, [daily], since=EIGHT, until=at(1))
    for minutes, answer in ((59, "late"), (61, "missing")):
        assert [match.answer for match in match_runs(runs, [sight(minutes)], now=LATER).matches] == [answer]


# --- days


def test_days_are_those_of_the_cameras_clock():
    vienna = ZoneInfo("Europe/Vienna")
    hours = [
        (end - start) / timedelta(hours=1)
        for start, end in (bounds_of(date(2026, *day), vienna) for day in ((3, 28), (3, 29), (10, 25)))
    ]
    assert hours == [24, 23, 25]


# --- delivering


def standing(sights: list[Sight], *, now: datetime, **fields: object) -> tuple[str, datetime | None]:
    device = camera()
    runs = last_runs(device, [rule(device, **(fields or {"interval_seconds": 600}))], now=now)
    found = standing_of(runs, sights, now=now)
    return str(found.delivery), found.since


def test_the_last_planned_picture_tells():
    assert standing([sight(0), sight(10)], now=at(12)) == ("on_time", at(10))
    assert standing([sight(0)], now=at(12)) == ("on_time", at(0))  # the last one may still come
    assert standing([sight(0)], now=at(17)) == ("late", at(10))
    assert standing([sight(0)], now=at(19)) == ("late", at(10))


def test_what_is_overdue_is_late_at_first_and_missing_then():
    assert standing([], now=at(7), cron="0 8 * * *", valid_from=at(-5)) == ("late", EIGHT)
    assert standing([], now=at(16), cron="0 8 * * *", valid_from=at(-5)) == ("missing", EIGHT)
    assert standing([sight(0)], now=at(27)) == ("missing", at(10))  # the second in a row
    assert standing([sight(0)], now=at(600), cron="0 8 * * *") == ("on_time", EIGHT)
    assert standing([sight(20)], now=at(600), cron="0 8 * * *", valid_from=at(-5)) == ("late", EIGHT)


def test_rare_pictures_are_found_however_long_ago():
    assert standing([], now=at(30), cron="0 8 1 1 *", valid_from=at(-1e6))[0] == "missing"
    assert standing([], now=at(30), cron="0 8 1 1 *", valid_from=at(-10)) == ("unplanned", None)


EACH_MINUTE = {"interval_seconds": 60}
RARE = {"cron": "0 0 29 2 *"}


@pytest.mark.parametrize(
    "histories",
    [
        [(EACH_MINUTE, -390, -36), (RARE, -36, None)],
        [(EACH_MINUTE, -390, -36), *((RARE, -36 + n, -35 + n) for n in range(36)), (RARE, 0, None)],
        [({"cron": "* * 1 1 *"}, -400, None)],
        [(EACH_MINUTE, -400, None)] * 3,
        [({"interval_seconds": 60, "weekdays": [0]}, -400, None)],
    ],
)
@pytest.mark.once
def test_the_history_of_rules_costs_nothing(histories, monkeypatch):
    """What is computed is counted; the last ones are those that all of them end with."""
    device, now = camera(), at(0)
    rules = [
        rule(
            device,
            **fields,
            valid_from=now + timedelta(days=since),
            valid_until=None if until is None else now + timedelta(days=until),
        )
        for fields, since, until in histories
    ]
    everything = planned_runs(device, rules, since=now - timedelta(days=400), until=now)
    computed = itertools.count()

    def counted(*args, **options):
        for moment in moments_of(*args, **options):
            next(computed)
            yield moment

    monkeypatch.setattr("captures.calendar.runs.moments_of", counted)
    runs = last_runs(device, rules, now=now)
    assert next(computed) < 400 * len([until for *_, until in histories if until is None]) + 100
    assert runs == everything[-len(runs) :]
    assert len(runs) >= 2
