"""Three truths, each with its own light, and one sentence why a camera is not well."""

import itertools
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.health import Light, condition_of, with_condition
from devices.models import Delivery, Device, DeviceStatus, Schedule, ScheduleRule
from devices.services.conditions import Delivered, note_deliveries, note_usability
from orgs.models import Organization
from tests.builders import make_device, make_org
from tests.queries import statements_of

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)  # a Wednesday


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def camera(*, rules: tuple[dict, ...] = (), device: dict | None = None, **status: object) -> Device:
    """A camera as ``with_condition`` loads it, well but for what is said."""
    org = Organization(name="Acme", time_zone="UTC")
    row = Device(org=org, name="Gate", **(device or {}))
    well = {
        "last_seen_at": ago(minutes=1),
        "seen_since": ago(days=2),
        "listened_at": ago(minutes=1),
        "delivery": Delivery.ON_TIME,
        "delivery_since": ago(days=1),
        "delivery_checked_at": ago(minutes=1),
        "last_received_at": ago(minutes=3),
        "usable": True,
        "usable_since": ago(days=1),
        "usable_seen_at": ago(minutes=10),
    }
    row.status = DeviceStatus(device=row, org=org, **{**well, **status})
    row.planned = []
    for fields in rules:
        schedule = Schedule(device=row, org=org, label="Rounds")
        schedule.holding = [ScheduleRule(schedule=schedule, org=org, **{"time_zone": "UTC", **fields})]
        row.planned.append(schedule)
    return row


EVERY_TEN = {"interval_seconds": 600}
DAILY = {"cron": "0 8 * * *"}
UPLOADS_ONLY = {"listened_at": None, "heartbeat_at": None}
NEVER = {"last_seen_at": None, "seen_since": None, "listened_at": None}

REACHABLE = [
    ({}, (), "good", ago(days=2), "Heard of 1 minute ago."),
    (NEVER, (), "unknown", None, "It has not been heard of yet."),
    ({"last_seen_at": ago(minutes=9), "listened_at": ago(minutes=9)}, (), "good", ago(days=2), None),
    (
        {"last_seen_at": ago(minutes=11), "listened_at": ago(minutes=11)},
        (),
        "bad",
        ago(minutes=11),
        "Not heard of for 11 minutes; it should report every 5 minutes.",
    ),
    # It stopped listening long before it was last heard of: what counts is what it still does.
    ({"last_seen_at": ago(minutes=30), "listened_at": ago(hours=3)}, (EVERY_TEN,), "bad", ago(minutes=30), None),
    ({**UPLOADS_ONLY, "last_seen_at": ago(minutes=20)}, (EVERY_TEN,), "good", ago(days=2), None),
    (
        {**UPLOADS_ONLY, "last_seen_at": ago(minutes=35)},
        (EVERY_TEN,),
        "bad",
        ago(minutes=35),
        "Not heard of for 35 minutes, though pictures were due since.",
    ),
    ({**UPLOADS_ONLY, "last_seen_at": ago(hours=27)}, (DAILY,), "good", ago(days=2), None),
    ({**UPLOADS_ONLY, "last_seen_at": ago(hours=53)}, (DAILY,), "bad", ago(hours=53), None),
    ({**UPLOADS_ONLY, "last_seen_at": ago(hours=53)}, (EVERY_TEN, DAILY), "bad", ago(hours=53), None),
    ({**UPLOADS_ONLY, "last_seen_at": ago(hours=23)}, (), "good", ago(days=2), None),
    (
        {**UPLOADS_ONLY, "last_seen_at": ago(days=3)},
        (),
        "unknown",
        ago(days=3),
        "Not heard of for 3 days; nothing says how often it should report.",
    ),
]


@pytest.mark.parametrize(("status", "rules", "state", "since", "sentence"), REACHABLE)
def test_reachable(status, rules, state, since, sentence):
    light = condition_of(camera(rules=rules, **status), NOW).reachable
    assert (light.state, light.since) == (state, since)
    assert sentence in (None, light.sentence)


def test_nights_and_quiet_hours_are_no_silence():
    """Every ten minutes but not at night: at six in the morning nothing is missed yet."""
    rule = {"interval_seconds": 600, "quiet_from": time(20), "quiet_until": time(6)}
    evening = datetime(2026, 3, 4, 19, 50, tzinfo=UTC)
    silent = camera(rules=(rule,), **UPLOADS_ONLY, last_seen_at=evening)
    assert condition_of(silent, evening + timedelta(hours=10)).reachable.state == "good"
    assert condition_of(silent, evening + timedelta(hours=10, minutes=26)).reachable.state == "bad"


def test_the_heartbeat_that_was_asked_for_is_what_is_waited_for():
    often = {"last_seen_at": ago(minutes=7), "heartbeat_at": ago(minutes=7), "listened_at": None}
    assert condition_of(camera(device={"configuration": {"heartbeat_seconds": 60}}, **often), NOW).state == "bad"
    rarely = {"last_seen_at": ago(hours=1), "heartbeat_at": ago(hours=1), "listened_at": None}
    slow = camera(device={"configuration": {"heartbeat_seconds": 3600}}, **rarely)
    assert condition_of(slow, NOW).reachable.state == "good"


DELIVERING = [
    ({}, (), "good", ago(days=1), "Pictures come as planned."),
    ({"delivery": "late", "delivery_since": ago(minutes=12)}, (), "bad", ago(minutes=12), None),
    (
        {"delivery": "missing", "delivery_since": ago(hours=5)},
        (),
        "bad",
        ago(hours=5),
        "Planned pictures are missing, for 5 hours.",
    ),
    ({"delivery_checked_at": None}, (), "unknown", None, "Whether its pictures come was not checked yet."),
    (
        {"delivery_checked_at": ago(minutes=11)},
        (),
        "unknown",
        ago(minutes=11),
        "Whether its pictures come was not checked for 11 minutes.",
    ),
    (
        {"delivery": "unplanned"},
        (),
        "idle",
        None,
        "No pictures are planned; the last one came 3 minutes ago.",
    ),
    (
        {"delivery": "unplanned", "last_received_at": None},
        (),
        "idle",
        None,
        "No pictures are planned, and none came so far.",
    ),
    (
        {"delivery": "unplanned", "last_received_at": None},
        (DAILY,),
        "idle",
        None,
        "Its first planned picture is not due yet, and none came so far.",
    ),
    (
        {"delivery": "unplanned", "last_received_at": ago(days=4)},
        (),
        "unknown",
        ago(days=4),
        "No pictures are planned, and none came for 4 days.",
    ),
]


@pytest.mark.parametrize(("status", "rules", "state", "since", "sentence"), DELIVERING)
def test_delivering(status, rules, state, since, sentence):
    light = condition_of(camera(rules=rules, **status), NOW).delivering
    assert (light.state, light.since) == (state, since)
    assert sentence in (None, light.sentence)


USABLE = [
    ({}, "good", "Its pictures can be judged."),
    ({"usable": None}, "unknown", "None of its pictures was judged yet."),
    ({"usable": None, "usable_reason": "It failed."}, "unknown", "It failed."),
    ({"usable": False, "usable_reason": "It is black."}, "bad", "Its pictures cannot be used: It is black."),
    ({"usable": False}, "bad", "Its pictures cannot be used."),
    ({"usable_seen_at": ago(minutes=63)}, "good", "Its pictures can be judged."),
    ({"usable_seen_at": ago(minutes=64)}, "unknown", "Its newest pictures were not judged yet."),
    ({"usable": False, "usable_seen_at": ago(days=3)}, "unknown", "Its newest pictures were not judged yet."),
    ({"usable_seen_at": ago(days=3), "last_received_at": ago(days=3)}, "good", "Its pictures can be judged."),
]


@pytest.mark.parametrize(("status", "state", "sentence"), USABLE)
def test_usable(status, state, sentence):
    light = condition_of(camera(**status), NOW).usable
    assert (light.state, light.sentence) == (state, sentence)


def test_a_camera_of_which_nothing_is_judged_any_more_is_not_well():
    condition = condition_of(camera(usable_seen_at=ago(hours=2)), NOW)
    assert (condition.state, condition.sentence) == ("unknown", "Its newest pictures were not judged yet.")


@pytest.mark.parametrize(
    ("gone", "sentence"),
    [
        (
            {"device": {"time_zone": "Mars/Base"}},
            (
                "This computer does not know the time zone Mars/Base any more; "
                "the organization's, UTC, is used instead."
            ),
        ),
        (
            {"rules": ({**DAILY, "cron": "61 8 * * *"},)},
            "Its schedules cannot be followed any more: The cron expression is wrong in its minute.",
        ),
    ],
)
def test_a_plan_that_nobody_knows_any_more_is_said(gone, sentence):
    condition = condition_of(camera(**gone), NOW)
    assert (condition.state, condition.delivering.sentence) == ("unknown", sentence)


# --- all of them together

REACH = {"good": {}, "bad": {"last_seen_at": ago(hours=1), "listened_at": ago(hours=1)}, "unknown": NEVER}
DELIVERY = {
    "good": {},
    "bad": {"delivery": "missing"},
    "unknown": {"delivery_checked_at": None},
    "idle": {"delivery": "unplanned"},
    "idle and silent": {"delivery": "unplanned", "last_received_at": None},
}
PICTURE = {"good": {}, "bad": {"usable": False}, "unknown": {"usable": None}}


@pytest.mark.parametrize("names", list(itertools.product(REACH, DELIVERY, PICTURE)), ids="-".join)
def test_every_combination(names):
    reach, delivery, picture = names
    condition = condition_of(camera(**REACH[reach], **DELIVERY[delivery], **PICTURE[picture]), NOW)
    lights = [condition.reachable, condition.delivering, condition.usable]
    assert [light.state for light in lights] == [reach, delivery.split()[0], picture]
    bad = [light.sentence for light in lights if light.state == "bad"]
    if bad:
        assert (condition.state, condition.sentence) == ("bad", " ".join(bad))
    elif "unknown" in names:
        first = next(light for light in lights if light.state == "unknown")
        assert (condition.state, condition.sentence) == ("unknown", first.sentence)
    elif delivery == "idle and silent":
        assert (condition.state, condition.sentence) == ("idle", condition.delivering.sentence)
    else:
        assert (condition.state, condition.sentence) == ("good", "")


def test_heartbeats_alone_are_not_green():
    beating = camera(delivery="unplanned", last_received_at=None, usable=None, heartbeat_at=ago(minutes=1))
    assert condition_of(beating, NOW).reachable.state == "good"
    assert condition_of(beating, NOW).state == "unknown"


@pytest.mark.parametrize(
    ("offset", "sentence"),
    [
        (60, ""),
        (-60, ""),
        (61, "Its clock is 1 minute ahead."),
        (-7200.5, "Its clock is 2 hours behind."),
        (1e300, "Its clock is 36500 days ahead."),
        (float("nan"), ""),
        (True, ""),
    ],
)
def test_a_wrong_clock_is_said(offset, sentence):
    condition = condition_of(camera(heartbeat_at=ago(minutes=1), health={"clock_offset_seconds": offset}), NOW)
    assert (condition.state, condition.sentence) == ("bad" if sentence else "good", sentence)


def test_what_an_old_heartbeat_told_of_the_clock_is_over():
    old = camera(heartbeat_at=ago(days=2), health={"clock_offset_seconds": 600})
    assert condition_of(old, NOW).sentence == ""


@pytest.mark.parametrize(
    ("device", "sentence"),
    [
        (
            {"suspended_at": ago(days=1)},
            "Suspended since 3 Mar 2026: its pictures are refused until it is resumed.",
        ),
        (
            {"suspended_at": ago(days=2), "retired_at": ago(days=1)},
            "Retired on 3 Mar 2026: its pictures are kept, new ones are refused.",
        ),
    ],
)
def test_who_is_out_of_service_is_neither_well_nor_to_blame(device, sentence):
    condition = condition_of(camera(device=device, usable=False), NOW)
    assert (condition.state, condition.sentence) == ("idle", sentence)


MOMENTS = st.none() | st.timedeltas(timedelta(), timedelta(days=40)).map(lambda span: NOW - span)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # it is the machine that is
@given(
    st.fixed_dictionaries(
        {
            "last_seen_at": MOMENTS,
            "seen_since": MOMENTS,
            "listened_at": MOMENTS,
            "heartbeat_at": MOMENTS,
            "delivery": st.sampled_from(Delivery.values),
            "delivery_since": MOMENTS,
            "delivery_checked_at": MOMENTS,
            "last_received_at": MOMENTS,
            "usable": st.none() | st.booleans(),
            "health": st.just({}) | st.fixed_dictionaries({"clock_offset_seconds": st.floats() | st.text()}),
        }
    ),
    st.sampled_from([(), (EVERY_TEN,), (DAILY,), (EVERY_TEN, DAILY)]),
    st.fixed_dictionaries({"suspended_at": MOMENTS, "retired_at": MOMENTS}),
)
def test_it_is_never_green_when_one_light_is_red_and_never_without_a_picture(status, rules, device):
    condition = condition_of(camera(rules=rules, device=device, **status), NOW)
    states = [light.state for _, light in condition.lights]
    assert (condition.state == Light.GOOD) == (condition.sentence == "")
    assert all(light.sentence.endswith(".") for _, light in condition.lights)
    if condition.state == Light.GOOD:
        assert Light.BAD not in states
        assert Light.UNKNOWN not in states
        assert status["delivery"] == "on_time" or status["last_received_at"] > NOW - timedelta(days=1)


# --- writing what was found


@pytest.mark.django_db
def test_the_condition_of_many_cameras_takes_as_many_queries_as_of_one():
    org = make_org()

    def ask() -> list[str]:
        return statements_of(
            lambda: [condition_of(device, NOW).state for device in with_condition(org.devices.all())]
        )

    for number in range(2):
        device, _ = make_device(org)
        schedule = device.schedules.create(org=org, label="Rounds")
        schedule.rules.create(org=org, interval_seconds=600, time_zone="UTC")
        if number == 0:
            few = len(ask())
    assert len(ask()) == few == 3


def usability(device: Device) -> tuple:
    row = DeviceStatus.unscoped.get(device=device)
    return row.usable, row.usable_since, row.usable_reason


def seen_at(device: Device) -> datetime | None:
    return DeviceStatus.unscoped.get(device=device).usable_seen_at


@pytest.mark.django_db
def test_usability_is_written_when_it_changes_and_since_when_is_kept(django_assert_num_queries):
    device, _ = make_device()
    note = {"device_id": device.pk}
    assert note_usability(**note, usable=True, reason="All fine.", at=ago(hours=3))
    assert usability(device) == (True, ago(hours=3), "")
    with django_assert_num_queries(1):
        assert not note_usability(**note, usable=True, reason="Still fine.", at=ago(hours=2.9))
    assert seen_at(device) == ago(hours=3)
    with django_assert_num_queries(1):
        assert note_usability(**note, usable=True, reason="Still fine.", at=ago(hours=2))
    assert (usability(device), seen_at(device)) == ((True, ago(hours=3), ""), ago(hours=2))
    assert note_usability(**note, usable=False, reason="It is black.", at=ago(hours=1))
    assert note_usability(**note, usable=False, reason="It is blurred.", at=NOW)
    assert usability(device) == (False, ago(hours=1), "It is blurred.")
    assert note_usability(**note, usable=None, reason="It failed.", at=NOW)
    assert not note_usability(**note, usable=None, reason="It failed.", at=NOW)
    assert (usability(device), seen_at(device)) == ((None, NOW, "It failed."), NOW)


@pytest.mark.django_db
def test_a_picture_that_was_under_way_for_long_is_seen_when_it_came():
    """Otherwise a camera that sends its day in the evening would look as if nobody judged its pictures."""
    device, _ = make_device()
    note_usability(device_id=device.pk, usable=True, reason="", at=ago(hours=9), came_at=NOW)
    assert (usability(device)[1], seen_at(device)) == (ago(hours=9), NOW)
    note_usability(device_id=device.pk, usable=None, reason="It failed.", at=NOW, came_at=NOW + timedelta(hours=1))
    assert seen_at(device) == NOW


@pytest.mark.django_db
def test_many_deliveries_are_written_in_as_many_statements_as_one():
    org = make_org()
    ids = [make_device(org)[0].pk for _ in range(5)]

    def note(some: list) -> list[str]:
        found = [Delivered(pk, Delivery.LATE, ago(hours=1), NOW) for pk in some]
        return statements_of(lambda: note_deliveries(found=found, checked=ids, at=NOW))

    assert len(note(ids[:1])) == len(note(ids))
    rows = DeviceStatus.unscoped.filter(device__in=ids).values_list(
        "delivery", "delivery_since", "last_received_at", "delivery_checked_at"
    )
    assert set(rows) == {("late", ago(hours=1), NOW, NOW)}
