from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from visant_camera.configuration import Configuration
from visant_camera.plan import Plan
from visant_camera.wishes import Wish

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=timezone.utc)


def entry(**more: Any) -> dict[str, Any]:
    return {"id": "s1", "label": "noon", "cron": "0 12 * * *", "time_zone": "UTC", **more}


def make_plan(*entries: dict[str, Any]) -> Plan:
    configuration = Configuration.of({"version": 1, "schedules": list(entries or [entry()])})
    return Plan(configuration=lambda: configuration, device_id=lambda: "d1")


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


RUN = Wish(f"schedule-s1-{int(NOON.timestamp())}", "noon", commanded=False)


def test_a_run_is_due_once_when_nobody_listens() -> None:
    plan = make_plan()
    assert plan.due(after(-1), listening=False) == []
    assert plan.next_moment(after(-1), listening=False) == NOON
    assert plan.due(after(0), listening=False) == [RUN]
    assert plan.due(after(1), listening=False) == []
    assert plan.next_moment(after(1), listening=False) == NOON + timedelta(days=1)


def test_a_listening_camera_gives_the_command_ten_seconds() -> None:
    plan = make_plan()
    assert plan.due(after(9), listening=True) == []
    assert plan.next_moment(after(1), listening=True) == after(10)
    assert plan.due(after(10), listening=True) == [RUN]
    assert plan.due(after(11), listening=False) == []


def test_the_stream_may_break_within_the_grace() -> None:
    plan = make_plan()
    assert plan.due(after(3), listening=True) == []
    assert plan.due(after(4), listening=False) == [RUN]
    assert plan.due(after(12), listening=True) == []


def test_a_run_that_was_missed_by_more_than_a_minute_is_not_made_up_for() -> None:
    assert make_plan().due(after(61), listening=False) == []
    assert make_plan().due(after(59), listening=False) == [RUN]


def test_after_an_outage_there_is_no_burst() -> None:
    plan = make_plan(entry(cron=None, interval_seconds=60))
    assert len(plan.due(after(3600), listening=False)) == 1
    assert plan.due(after(3601), listening=False) == []


def test_jitter_moves_the_moment_and_not_the_name() -> None:
    plan = make_plan(entry(jitter_seconds=600))
    moment = plan.next_moment(after(-1), listening=False)
    assert moment is not None
    assert NOON < moment <= after(600)
    assert plan.due(moment - timedelta(seconds=1), listening=False) == []
    assert plan.due(moment, listening=False) == [RUN]


def test_a_clock_that_is_set_back_does_not_stop_schedules() -> None:
    plan = make_plan()
    later = NOON + timedelta(days=400)
    assert len(plan.due(later, listening=False)) == 1
    assert plan.due(after(0), listening=False) == [RUN]


def test_each_schedule_runs_by_itself_and_one_that_is_not_understood_is_left_out() -> None:
    plan = make_plan(entry(), entry(id="s2", label="also"), entry(id="s3", cron="whenever"), {"id": "s4"})
    assert [wish.trigger_id.split("-")[1] for wish in plan.due(after(0), listening=False)] == ["s1", "s2"]


@pytest.mark.parametrize(
    "given", [{}, {"schedules": "x", "picture": 3}, {"version": "x", "heartbeat_seconds": True}]
)
def test_nonsense_is_no_configuration(given: dict[str, Any]) -> None:
    assert Configuration.of(given).followed(shrinks=True) == {
        "version": 0,
        "time_zone": "UTC",
        "heartbeat_seconds": 300,
        "poll_seconds": 300,
        "picture": {"max_width": None, "quality": None},
        "schedules": [],
    }


def test_runs_from_before_a_schedule_was_known_are_not_made_up_for() -> None:
    configurations = [Configuration()]
    plan = Plan(configuration=lambda: configurations[-1], device_id=lambda: "d1")
    assert plan.due(after(-60), listening=False) == []
    configurations.append(Configuration.of({"version": 2, "schedules": [entry()]}))
    assert plan.due(after(30), listening=False) == []
    moved = entry(cron=None, interval_seconds=60)
    configurations.append(Configuration.of({"version": 3, "schedules": [moved]}))
    assert plan.due(after(90), listening=False) == []
    assert len(plan.due(after(120), listening=False)) == 1
