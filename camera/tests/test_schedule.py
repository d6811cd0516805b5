"""The rules of schedules: on plain days, on the days the clocks change, and those that are none."""

from __future__ import annotations

import time as clock
from dataclasses import replace
from datetime import datetime, time, timedelta, timezone
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visant_camera.rule_checks import RuleError
from visant_camera.schedule import Rule, jitter_of, runs

UTC = timezone.utc
VIENNA, NEW_YORK, LORD_HOWE = "Europe/Vienna", "America/New_York", "Australia/Lord_Howe"
HOUR = 3600
NIGHT = {"quiet_from": time(22), "quiet_until": time(6)}


def every(seconds: int, **fields: object) -> Rule:
    return Rule(interval_seconds=seconds, **fields)  # type: ignore[arg-type]


def cron(text: str, **fields: object) -> Rule:
    return Rule(cron=text, **fields)  # type: ignore[arg-type]


def local_runs(rule: Rule, day: str, count: int, at: str = "00:00") -> list[str]:
    """The first runs from that local time on, itself among them, each as local time with its offset."""
    zone = ZoneInfo(rule.time_zone)
    start = datetime.fromisoformat(f"{day}T{at}").replace(tzinfo=zone) - timedelta(microseconds=1)
    return [f"{moment.astimezone(zone):%d %H:%M%z}" for moment in islice(runs(rule, start), count)]


# Plain days


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (every(600), ["01 00:00", "01 00:10", "01 00:20"]),
        (every(6 * HOUR), ["01 00:00", "01 06:00", "01 12:00"]),
        (every(24 * HOUR), ["01 00:00", "02 00:00", "03 00:00"]),
        (every(7 * 24 * HOUR), ["01 00:00", "08 00:00", "15 00:00"]),  # Mondays
        (every(600, **NIGHT), ["01 06:00", "01 06:10", "01 06:20"]),
        (every(12 * HOUR, weekdays=(1, 5)), ["02 00:00", "02 12:00", "06 00:00"]),
        (cron("0 8 * * *"), ["01 08:00", "02 08:00", "03 08:00"]),
        (cron("0 8 * * 0-2"), ["01 08:00", "02 08:00", "07 08:00"]),  # 0 is Sunday in cron
        (cron("0 8 * * mon,WED"), ["01 08:00", "03 08:00", "08 08:00"]),
        (cron("0 8 13 * FRI"), ["05 08:00", "12 08:00", "13 08:00"]),  # either day is enough
        (cron("0 8 1 jun-jul *"), ["01 08:00", "01 08:00"]),
        (cron("30 5,7 * * *", **NIGHT), ["01 07:30", "02 07:30"]),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", VIENNA, "Asia/Kathmandu", "America/St_Johns"])
def test_a_rule_runs_at_round_times_of_its_own_clock(rule: Rule, expected: list[str], zone: str) -> None:
    rule = replace(rule, time_zone=zone)
    found = local_runs(rule, "2026-06-01", len(expected))  # a Monday
    assert [text[:8] for text in found] == expected


def test_the_first_run_is_strictly_after_the_moment() -> None:
    moment = datetime(2026, 6, 1, 8, tzinfo=UTC)
    assert next(runs(cron("0 8 * * *"), moment)) == moment + timedelta(days=1)
    assert next(runs(cron("0 8 * * *"), moment - timedelta(microseconds=1))) == moment


def test_what_comes_after_does_not_depend_on_where_one_begins() -> None:
    start = datetime(2026, 10, 24, tzinfo=UTC)
    for rule in (
        every(25 * 60, time_zone=VIENNA),
        every(300, time_zone=VIENNA),
        cron("*/7 2 * * *", time_zone=VIENNA),
    ):
        all_of_them = list(islice(runs(rule, start), 300))
        for number in range(0, 290, 13):
            assert next(runs(rule, all_of_them[number])) == all_of_them[number + 1]


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        next(runs(every(60), datetime(2026, 6, 1)))  # noqa: DTZ001


# Clocks put forward


@pytest.mark.parametrize(
    ("rule", "day", "expected"),
    [
        # Vienna: 29 March 2026, 02:00 becomes 03:00.
        (cron("30 2 * * *", time_zone=VIENNA), "2026-03-29", ["29 03:00+0200", "30 02:30+0200"]),
        (cron("0,15,30 2 * * *", time_zone=VIENNA), "2026-03-29", ["29 03:00+0200", "30 02:00+0200"]),
        (cron("0 3 * * *", time_zone=VIENNA), "2026-03-29", ["29 03:00+0200", "30 03:00+0200"]),
        (
            cron("30 */2 * * *", time_zone=VIENNA),
            "2026-03-29",
            ["29 00:30+0100", "29 03:00+0200", "29 04:30+0200"],
        ),
        (cron("*/10 2 * * *", time_zone=VIENNA), "2026-03-29", ["29 03:00+0200", "30 02:00+0200"]),
        (cron("59 * * * *", time_zone=VIENNA), "2026-03-29", ["29 00:59+0100", "29 01:59+0100", "29 03:59+0200"]),
        (
            every(1800, time_zone=VIENNA),
            "2026-03-29",
            ["29 00:00+0100", "29 00:30+0100", "29 01:00+0100", "29 01:30+0100", "29 03:00+0200", "29 03:30+0200"],
        ),
        (every(2 * HOUR, time_zone=VIENNA), "2026-03-29", ["29 00:00+0100", "29 03:00+0200", "29 04:00+0200"]),
        (every(6 * HOUR, time_zone=VIENNA), "2026-03-29", ["29 00:00+0100", "29 06:00+0200", "29 12:00+0200"]),
        # New York: 8 March 2026, 02:00 becomes 03:00.
        (cron("30 2 * * *", time_zone=NEW_YORK), "2026-03-08", ["08 03:00-0400", "09 02:30-0400"]),
        (cron("30 2 * * SUN", time_zone=NEW_YORK), "2026-03-08", ["08 03:00-0400", "15 02:30-0400"]),
        (
            cron("*/30 * * * *", time_zone=NEW_YORK),
            "2026-03-08",
            ["08 00:00-0500", "08 00:30-0500", "08 01:00-0500", "08 01:30-0500", "08 03:00-0400"],
        ),
        # Lord Howe: 4 October 2026, 02:00 becomes 02:30.
        (cron("15 2 * * *", time_zone=LORD_HOWE), "2026-10-04", ["04 02:30+1100", "05 02:15+1100"]),
        (cron("45 2 * * *", time_zone=LORD_HOWE), "2026-10-04", ["04 02:45+1100", "05 02:45+1100"]),
        (
            cron("*/10 * * * *", time_zone=LORD_HOWE),
            "2026-10-04",
            ["04 01:50+1030", "04 02:30+1100", "04 02:40+1100"],
        ),
        (every(HOUR, time_zone=LORD_HOWE), "2026-10-04", ["04 02:30+1100", "04 03:00+1100"]),
        # Cairo: 24 April 2026, midnight becomes 01:00.
        (
            cron("0 0 * * *", time_zone="Africa/Cairo"),
            "2026-04-23",
            ["23 00:00+0200", "24 01:00+0300", "25 00:00+0300"],
        ),
    ],
)
def test_a_skipped_time_runs_once_when_the_clocks_jump(rule: Rule, day: str, expected: list[str]) -> None:
    at = {"04 01:50+1030": "01:50", "04 02:30+1100": "01:59"}.get(expected[0], "00:00")
    assert local_runs(rule, day, len(expected), at) == expected


# Clocks put back


@pytest.mark.parametrize(
    ("rule", "day", "expected"),
    [
        # Vienna: 25 October 2026, 03:00 becomes 02:00.
        (cron("30 2 * * *", time_zone=VIENNA), "2026-10-25", ["25 02:30+0200", "26 02:30+0100"]),
        (
            cron("0,30 2 * * *", time_zone=VIENNA),
            "2026-10-25",
            ["25 02:00+0200", "25 02:30+0200", "26 02:00+0100"],
        ),
        (
            cron("30 */2 * * *", time_zone=VIENNA),
            "2026-10-25",
            ["25 00:30+0200", "25 02:30+0200", "25 04:30+0100"],
        ),
        (
            cron("*/30 * * * *", time_zone=VIENNA),
            "2026-10-25",
            ["25 01:30+0200", "25 02:00+0200", "25 02:30+0200", "25 02:00+0100", "25 02:30+0100", "25 03:00+0100"],
        ),
        (
            cron("20 * * * *", time_zone=VIENNA),
            "2026-10-25",
            ["25 01:20+0200", "25 02:20+0200", "25 02:20+0100", "25 03:20+0100"],
        ),
        (every(600, time_zone=VIENNA), "2026-10-25", ["25 02:50+0200", "25 02:00+0100", "25 02:10+0100"]),
        (
            every(25 * 60, time_zone=VIENNA),
            "2026-10-25",
            ["25 02:10+0200", "25 02:35+0200", "25 02:10+0100", "25 02:35+0100", "25 03:00+0100"],
        ),
        (every(2 * HOUR, time_zone=VIENNA), "2026-10-25", ["25 00:00+0200", "25 02:00+0200", "25 04:00+0100"]),
        # New York: 1 November 2026, 02:00 becomes 01:00.
        (cron("30 1 * * *", time_zone=NEW_YORK), "2026-11-01", ["01 01:30-0400", "02 01:30-0500"]),
        (
            cron("0 * * * *", time_zone=NEW_YORK),
            "2026-11-01",
            ["01 00:00-0400", "01 01:00-0400", "01 01:00-0500", "01 02:00-0500"],
        ),
        (
            every(HOUR, time_zone=NEW_YORK),
            "2026-11-01",
            ["01 00:00-0400", "01 01:00-0400", "01 01:00-0500", "01 02:00-0500"],
        ),
        # Lord Howe: 5 April 2026, 02:00 becomes 01:30.
        (cron("45 1 * * *", time_zone=LORD_HOWE), "2026-04-05", ["05 01:45+1100", "06 01:45+1030"]),
        (
            cron("*/15 * * * *", time_zone=LORD_HOWE),
            "2026-04-05",
            ["05 01:30+1100", "05 01:45+1100", "05 01:30+1030", "05 01:45+1030", "05 02:00+1030"],
        ),
        (every(HOUR, time_zone=LORD_HOWE), "2026-04-05", ["05 01:00+1100", "05 02:00+1030", "05 03:00+1030"]),
        # Cairo: 30 October 2026, midnight becomes 23:00 of the day before.
        (cron("30 23 * * *", time_zone="Africa/Cairo"), "2026-10-29", ["29 23:30+0300", "30 23:30+0200"]),
        (
            every(1800, time_zone="Africa/Cairo"),
            "2026-10-29",
            ["29 23:00+0300", "29 23:30+0300", "29 23:00+0200", "29 23:30+0200", "30 00:00+0200"],
        ),
    ],
)
def test_in_a_doubled_hour_times_run_once_and_rhythms_go_on(rule: Rule, day: str, expected: list[str]) -> None:
    assert local_runs(rule, day, len(expected), expected[0][3:8]) == expected


def test_the_clocks_bring_no_two_runs_of_an_interval_within_a_minute() -> None:
    """Every 457 s there are 01:59:04 and 03:00:00: on 8 March 2026 in New York 56 seconds lie between them."""
    assert local_runs(every(457, time_zone=NEW_YORK), "2026-03-08", 3, at="01:55") == [
        "08 01:59-0500",
        "08 03:07-0400",
        "08 03:15-0400",
    ]


def test_a_run_made_up_for_keeps_to_the_quiet_hours() -> None:
    at_three = cron("30 2 * * *", time_zone=VIENNA, quiet_from=time(3), quiet_until=time(4))
    assert local_runs(at_three, "2026-03-29", 1) == ["30 02:30+0200"]
    skipped = cron("30 2,12 * * *", time_zone=VIENNA, quiet_from=time(2), quiet_until=time(3))
    assert local_runs(skipped, "2026-03-29", 1) == ["29 12:30+0200"]


# What holds for all rules

zones = st.sampled_from(["UTC", VIENNA, NEW_YORK, LORD_HOWE, "Africa/Cairo", "Asia/Kathmandu"])
minutes = st.sampled_from(["0", "30", "59", "*", "*/10", "7-59/20", "0,59"])
hours = st.sampled_from(["*", "2", "1-3", "*/2", "0,23", "0-23"])
days = st.sampled_from(["* * *", "* * MON", "1,25 * *", "* 3,10 *", "L * *"])
crons = st.builds(lambda *parts: {"cron": " ".join(parts)}, minutes, hours, days)
intervals = st.builds(lambda seconds: {"interval_seconds": seconds}, st.integers(60, 3 * 86_400))
weekdays = st.lists(st.integers(0, 6), unique=True).map(tuple)
times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 30]))
starts = st.datetimes(datetime(2026, 3, 1), datetime(2026, 11, 10), timezones=st.just(UTC))  # noqa: DTZ001


@settings(max_examples=300, deadline=None)
@given(
    when=st.one_of(crons, intervals),
    zone=zones,
    only=weekdays,
    quiet=st.none() | st.tuples(times, times),
    start=starts,
)
def test_runs_increase_keep_to_days_and_quiet_hours_and_never_come_in_a_burst(
    when, zone, only, quiet, start
) -> None:  # type: ignore[no-untyped-def]
    quiet_from, quiet_until = quiet or (None, None)
    try:
        rule = Rule(**when, time_zone=zone, weekdays=only, quiet_from=quiet_from, quiet_until=quiet_until)
    except RuleError:
        return
    found = list(takewhile(lambda moment: moment < start + timedelta(days=40), islice(runs(rule, start), 400)))
    assert all(moment > start for moment in found[:1])
    for before, after in zip(found, found[1:]):
        assert after - before >= timedelta(minutes=1)
    for moment in found:
        local = moment.astimezone(ZoneInfo(zone))
        assert not only or local.weekday() in only
        if quiet_from and quiet_until:
            now = local.time()
            in_them = (
                quiet_from <= now < quiet_until
                if quiet_from < quiet_until
                else now >= quiet_from or now < quiet_until
            )
            assert not in_them


@settings(max_examples=200, deadline=None)
@given(seconds=st.integers(60, 86_400), zone=zones, start=starts)
def test_an_interval_is_only_shortened_by_the_clocks_being_changed(
    seconds: int, zone: str, start: datetime
) -> None:
    found = list(islice(runs(every(seconds, time_zone=zone), start), 100))
    offset = {moment: moment.astimezone(ZoneInfo(zone)).utcoffset() for moment in found}
    for before, after in zip(found, found[1:]):
        if offset[before] == offset[after]:
            # The first after a make-up run is back on the grid, and so may come sooner.
            made_up = before - timedelta(seconds=1)
            if made_up.astimezone(ZoneInfo(zone)).utcoffset() == offset[before]:
                assert after - before == timedelta(seconds=seconds)
        elif offset[before] > offset[after]:  # type: ignore[operator]
            assert after - before >= timedelta(seconds=seconds)


@given(device=st.uuids(), schedule=st.uuids(), most=st.integers(0, 3600))
def test_jitter_is_stable_and_within_its_bounds(device: object, schedule: object, most: int) -> None:
    rule = every(600, jitter_seconds=most)
    delay = jitter_of(rule, device, schedule)
    assert timedelta() <= delay <= timedelta(seconds=most)
    assert delay == jitter_of(rule, str(device), str(schedule))


def test_jitter_spreads_cameras_over_its_whole_length() -> None:
    rule = every(600, jitter_seconds=9)
    seen = {jitter_of(rule, f"camera {number}", "a schedule") for number in range(300)}
    assert seen == {timedelta(seconds=number) for number in range(10)}


# What is no rule


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({}, "", "either a cron expression or an interval"),
        ({"cron": "0 8 * * *", "interval_seconds": 60}, "", "either a cron expression or an interval"),
        ({"cron": ""}, "", "either a cron expression or an interval"),
        ({"cron": "@daily"}, "cron", "five fields"),
        ({"cron": "0 0 8 * * *"}, "cron", "five fields"),
        ({"cron": "61 8 * * *"}, "cron", "wrong in its minute"),
        ({"cron": "0 8 * * FUN"}, "cron", "wrong in its day of week"),
        ({"cron": "0 8 31 2 *"}, "cron", "wrong in its day of month"),
        ({"cron": "² 8 * * *"}, "cron", "wrong in its minute"),
        ({"cron": "0 " * 60}, "cron", "at most 100 characters"),
        ({"interval_seconds": 59}, "interval_seconds", "at least a minute"),
        ({"interval_seconds": 31 * 86_400 + 1}, "interval_seconds", "at most 31 days"),
        ({"interval_seconds": True}, "interval_seconds", "at least a minute"),
        ({"interval_seconds": "600"}, "interval_seconds", "at least a minute"),
        ({"interval_seconds": 600, "time_zone": "Europe/Nowhere"}, "time_zone", "no time zone 'Europe/Nowhere'"),
        ({"interval_seconds": 600, "time_zone": "../etc/passwd"}, "time_zone", "no time zone"),
        ({"interval_seconds": 600, "time_zone": "Europe"}, "time_zone", "no time zone"),
        ({"interval_seconds": 600, "weekdays": [7]}, "weekdays", "0 for Monday"),
        ({"interval_seconds": 600, "weekdays": [1, 1]}, "weekdays", "each once"),
        ({"interval_seconds": 600, "weekdays": "0"}, "weekdays", "list of numbers"),
        ({"interval_seconds": 600, "quiet_from": "22:00"}, "quiet_until", "a beginning and an end"),
        ({"interval_seconds": 600, "quiet_until": "22:00"}, "quiet_from", "a beginning and an end"),
        ({"interval_seconds": 600, "quiet_from": "6:00", "quiet_until": "22"}, "quiet_from", "like 22:00"),
        (
            {"interval_seconds": 600, "quiet_from": "06:00", "quiet_until": "06:00"},
            "quiet_until",
            "must not end when",
        ),
        (
            {"interval_seconds": 600, "quiet_from": "06:00:30", "quiet_until": "07:00"},
            "quiet_from",
            "whole minutes",
        ),
        ({"interval_seconds": 600, "jitter_seconds": 3601}, "jitter_seconds", "0 to 3600"),
        ({"interval_seconds": 600, "jitter_seconds": -1}, "jitter_seconds", "0 to 3600"),
    ],
)
def test_what_is_no_rule_is_refused_with_its_field(fields: dict[str, object], field: str, says: str) -> None:
    with pytest.raises(RuleError, match=says) as refusal:
        Rule.from_dict(fields)
    assert refusal.value.field == field


@pytest.mark.parametrize(
    "fields",
    [
        {"cron": "0 3 * * *", "quiet_from": "22:00", "quiet_until": "06:00"},
        {"cron": "* 2-4 * * *", "quiet_from": "22:00", "quiet_until": "06:00"},
        {"cron": "0 0 * * 1", "weekdays": [2]},
        {"interval_seconds": 86_400, "quiet_from": "22:00", "quiet_until": "06:00"},
        {"interval_seconds": 7 * 86_400, "weekdays": [1]},
    ],
)
def test_a_rule_that_never_runs_is_refused_soon(fields: dict[str, object]) -> None:
    begin = clock.process_time()
    with pytest.raises(RuleError, match="never run"):
        Rule.from_dict(fields)
    assert clock.process_time() - begin < 2


def test_a_rare_day_is_waited_for() -> None:
    leap_monday = cron("0 12 29 2 *", weekdays=(0,))
    found = list(runs(leap_monday, datetime(2026, 1, 1, tzinfo=UTC)))
    assert found == [datetime(2044, 2, 29, 12, tzinfo=UTC)]  # and then there is an end


def test_an_entry_of_the_configuration_is_a_rule() -> None:
    entry = {
        "id": "0198", "label": "Round", "cron": None, "interval_seconds": 600, "time_zone": VIENNA,
        "weekdays": [0, 4], "quiet_from": "22:00", "quiet_until": "06:00", "jitter_seconds": 30,
    }  # fmt: skip
    assert Rule.from_dict(entry) == every(600, time_zone=VIENNA, weekdays=(0, 4), **NIGHT, jitter_seconds=30)


def test_a_month_of_minutes_is_computed_in_half_a_second() -> None:
    start = datetime(2026, 10, 1, tzinfo=UTC)
    begin = clock.process_time()
    found = list(
        takewhile(
            lambda moment: moment < start + timedelta(days=30), runs(cron("* * * * *", time_zone=VIENNA), start)
        )
    )
    assert len(found) == 30 * 1440 - 1
    assert clock.process_time() - begin < 0.5
