"""Which runs were planned, and which picture answers which."""

import itertools
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from captures.calendar.days import bounds_of
from captures.calendar.delivery import last_runs, standing_of
from captures.calendar.matching import Sight, match_runs
from captures.calendar.models import Rejection
from captures.calendar.runs import History, latest_runs, planned_runs
from devices.models import Device, Schedule, ScheduleRule, ServiceBreak
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


def out(since: float, until: float) -> ServiceBreak:
    return ServiceBreak(began_at=at(since), ended_at=at(until))


def sight(minutes: float, trigger_id: str = "", label: str = "") -> Sight:
    return Sight(uuid7(), at(minutes), trigger_id, label)


def nominal(device: Device, rules: list[ScheduleRule], minutes: float = 60) -> list[float]:
    runs = planned_runs(device, History(rules), since=EIGHT, until=at(minutes))
    return [(run.nominal - EIGHT).total_seconds() / 60 for run in runs]


def answers(sights: list[Sight], *, now: datetime = LATER, minutes: float = 30, **fields: object) -> list[str]:
    device = camera()
    runs = planned_runs(
        device, History([rule(device, interval_seconds=600, **fields)]), since=EIGHT, until=at(minutes)
    )
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


def test_what_is_due_in_a_time_out_of_service_that_is_over_is_not_planned():
    device = camera()
    breaks = [out(15, 25), out(40, 41), out(20, 32)]
    history = History([rule(device, interval_seconds=600)], breaks)
    runs = planned_runs(device, history, since=EIGHT, until=at(60))
    assert [(run.nominal - EIGHT).total_seconds() / 60 for run in runs] == [0, 10, 50]
    device.suspended_at = at(50)
    assert [run.nominal for run in planned_runs(device, history, since=EIGHT, until=at(60))] == [at(0), at(10)]


def test_a_run_that_is_put_off_counts_by_when_it_is_due():
    device = camera()
    put_off = rule(device, cron="0 8 * * *", jitter_seconds=3600)
    delay = delay_of(put_off, device_id=device.pk) / timedelta(minutes=1)
    window = {"since": EIGHT, "until": at(1)}
    for breaks, planned in (
        ([out(delay - 0.1, delay + 0.1)], 0),
        ([out(-9, delay)], 1),
        ([out(delay + 0.1, 999)], 1),
    ):
        assert len(planned_runs(device, History([put_off], breaks), **window)) == planned


def test_what_a_rule_has_put_off_beyond_its_end_is_not_planned_any_more():
    """Server and camera drop it: neither will make that run."""
    device = camera()
    put_off = rule(device, cron="0 8 * * *", jitter_seconds=3600)
    delay = delay_of(put_off, device_id=device.pk)
    for end, planned in ((EIGHT + delay, 0), (EIGHT + delay + timedelta(microseconds=1), 1)):
        put_off.valid_until = end
        window = {"since": EIGHT, "until": at(120)}
        assert len(planned_runs(device, History([put_off]), **window)) == planned
        assert len(latest_runs(device, History([put_off]), most=5, **window)) == planned


def test_the_latest_runs_pass_over_a_long_time_out_of_service():
    device = camera()
    history = History([rule(device, interval_seconds=60, valid_from=at(-600_000))], [out(-500_000, -2.5)])
    runs = latest_runs(device, history, since=at(-570_000), until=at(0), most=5)
    assert [run.due for run in runs] == [at(minutes) for minutes in (-500_003, -500_002, -500_001, -2, -1)]


def test_a_run_is_due_when_its_jitter_is_over_and_keeps_its_name():
    device = camera()
    put_off = rule(device, interval_seconds=600, jitter_seconds=300)
    [run] = planned_runs(device, History([put_off]), since=EIGHT, until=at(10))
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
    runs = planned_runs(device, History([rule(device, interval_seconds=600)]), since=EIGHT, until=at(30))
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
    runs = planned_runs(device, History([daily]), since=EIGHT, until=at(1))
    for minutes, answer in ((59, "late"), (61, "missing")):
        assert [match.answer for match in match_runs(runs, [sight(minutes)], now=LATER).matches] == [answer]


# --- refused


def refused(minutes: float, record_id: str = "") -> Rejection:
    return Rejection(record_id=record_id, captured_at=at(minutes), code="broken_picture")


def test_a_run_whose_picture_was_refused_is_rejected_once():
    device = camera()
    rules = [rule(device, interval_seconds=600), rule(device, interval_seconds=600)]
    runs = planned_runs(device, History(rules), since=EIGHT, until=at(20))
    rows = [refused(0.1), refused(10.1, runs[3].trigger_id), refused(3, "schedule-of-another-1")]
    matching = match_runs(runs, [], now=LATER, rejections=rows)
    assert sorted(str(match.answer) for match in matching.matches) == ["missing"] * 2 + ["rejected"] * 2
    assert (matching.matches[3].rejection, matching.rejections) == (rows[1], [rows[2]])


def test_a_good_picture_comes_before_a_refused_one_and_a_refused_one_is_told_at_once():
    device = camera()
    runs = planned_runs(device, History([rule(device, interval_seconds=600)]), since=EIGHT, until=at(10))
    for sights, answer, left in (([sight(1)], "received", 1), ([], "rejected", 0)):
        matching = match_runs(runs, sights, now=at(1), rejections=[refused(0)])
        assert (str(matching.matches[0].answer), len(matching.rejections)) == (answer, left)


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
    runs = last_runs(device, History([rule(device, **(fields or {"interval_seconds": 600}))]), now=now)
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
    computed = itertools.count()

    def counted(*args, **options):
        for moment in moments_of(*args, **options):
            next(computed)
            yield moment

    monkeypatch.setattr("captures.calendar.runs.moments_of", counted)
    runs = last_runs(device, History(rules), now=now)
    assert next(computed) < 400 * len([until for *_, until in histories if until is None]) + 100
    assert len(runs) >= 2
    since_then = planned_runs(device, History(rules), since=runs[0].due, until=now)
    assert runs == since_then[-len(runs) :]
