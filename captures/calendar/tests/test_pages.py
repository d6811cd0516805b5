"""The calendar for people and for programs."""

import csv
import io
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.formats import date_format

from captures.calendar.models import CalendarDay, Rejection
from captures.calendar.tests.builders import make_row, make_rule
from devices.models import Device, ServiceBreak
from orgs.models import Membership, Role
from tests.builders import logged_in, make_device, make_member, make_org, make_token, membership_of, owner_of
from tests.queries import statements_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def yesterday():
    """Yesterday's midnight, in UTC."""
    return timezone.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)


@pytest.fixture
def device(yesterday) -> Device:
    """Three pictures a day are planned; yesterday one came, one was refused, one is missing."""
    device, _ = make_device(make_org(time_zone="UTC"), "=Gate")
    make_rule(device, cron="0 8,12,16 * * *", since=yesterday - timedelta(days=3))
    make_row(device, yesterday + timedelta(hours=8))
    make_row(device, yesterday + timedelta(hours=9), trigger_label="manual")
    Rejection.unscoped.create(
        org=device.org,
        device=device,
        record_id="r12",
        captured_at=yesterday + timedelta(hours=12),
        code="broken_picture",
        detail="The picture is cut off.",
        first_at=yesterday,
        last_at=yesterday,
    )
    for back, received in ((0, 1), (1, 3), (2, 3)):
        CalendarDay.unscoped.create(
            org=device.org,
            device=device,
            day=(yesterday - timedelta(days=back)).date(),
            expected=3,
            received=received,
            rejected=int(received == 1),
            missing=int(received == 1),
            settled_at=timezone.now(),
        )
    return device


def page(device: Device, rest: str = "", *, role: Role = Role.VIEWER, **limits: object):
    user = make_member(device.org, role)
    Membership.unscoped.filter(user=user).update(**limits)
    return logged_in(user).get(f"/cameras/{device.pk}/calendar{rest}")


def ask(device: Device, rest: str = "", **limits: object):
    user = make_member(device.org, Role.VIEWER)
    _, text = make_token(membership_of(device.org, user))
    Membership.unscoped.filter(user=user).update(**limits)
    return Client().get(f"/v1/devices/{device.pk}/calendar{rest}", headers={"Authorization": f"Bearer {text}"})


def test_a_month_shows_each_day_in_words(device, yesterday):
    shown = page(device, f"?month={yesterday:%Y-%m}")
    text = shown.content.decode()
    assert shown.status_code == 200
    assert "1 of 3" in text
    assert "1 missing" in text
    assert "1 rejected" in text
    assert f"/cameras/{device.pk}/calendar/{yesterday:%Y-%m-%d}" in text


@pytest.mark.parametrize("month", ["2026", "2026-13", "1960-01", "9999-12", "x"])
def test_a_month_that_is_none_is_not_there(device, month):
    assert page(device, f"?month={month}").status_code == 404


@pytest.mark.parametrize("day", ["2026-02-30", "x", "1969-01-01", "9999-12-31", "0001-01-01"])
def test_a_day_that_is_none_is_not_there(device, day):
    assert page(device, f"/{day}").status_code == 404
    assert ask(device, f"/{day}").json()["code"] == "day_not_found"


def test_a_day_shows_each_planned_picture(device, yesterday):
    text = page(device, f"/{yesterday:%Y-%m-%d}").content.decode()
    assert f"/captures/{device.captures.order_by('captured_at').first().pk}" in text
    assert "The picture is cut off." in text
    for word in ("Received", "Rejected", "Missing", "broken_picture"):
        assert word in text


def test_programs_read_the_same(device, yesterday):
    first, last = (yesterday - timedelta(days=2)).date(), yesterday.date()
    answer = ask(device, f"?from={first}&to={last}").json()
    assert (answer["device_id"], answer["time_zone"]) == (str(device.pk), "UTC")
    assert [(day["day"], day["expected"], day["received"], day["missing"]) for day in answer["days"]] == [
        (str(first), 3, 3, 0),
        (str(first + timedelta(days=1)), 3, 3, 0),
        (str(last), 3, 1, 1),
    ]
    day = ask(device, f"/{last}").json()
    assert [line["state"] for line in day["planned"]] == ["received", "rejected", "missing"]
    assert day["planned"][0]["capture_id"] == str(device.captures.order_by("captured_at").first().pk)
    assert day["planned"][1]["rejection"]["code"] == "broken_picture"
    sums = ("expected", "received", "missing", "rejected", "unplanned", "unplanned_rejected")
    assert [day["counts"][name] for name in sums] == [3, 1, 1, 1, 1, 0]
    assert (day["rejections"], day["out_of_service"]) == ([], [])
    assert len(day["unplanned"]) == 1


def test_a_time_out_of_service_is_said_and_nothing_expected_in_it(device, yesterday):
    ServiceBreak.unscoped.create(
        org=device.org,
        device=device,
        began_at=yesterday + timedelta(hours=11),
        ended_at=yesterday + timedelta(hours=20),
    )
    Device.unscoped.filter(pk=device.pk).update(suspended_at=yesterday + timedelta(hours=22))
    text = page(device, f"/{yesterday:%Y-%m-%d}").content.decode()
    assert f"Out of service from {date_format(yesterday, 'j M Y')}, 11:00 until" in text
    assert f"Out of service from {date_format(yesterday, 'j M Y')}, 22:00 on" in text
    day = ask(device, f"/{yesterday.date()}").json()
    assert [line["state"] for line in day["planned"]] == ["received"]
    assert (day["counts"]["expected"], day["counts"]["unplanned_rejected"]) == (1, 1)
    assert [one["until"] is None for one in day["out_of_service"]] == [False, True]


def test_today_is_counted_at_the_moment(device):
    make_row(device, timezone.now(), trigger_label="manual")
    today = timezone.now().date()
    [row] = ask(device, f"?from={today}&to={today}").json()["days"]
    assert row["unplanned"] == 1


@pytest.mark.parametrize(
    "query",
    ["from=2025-01-01&to=2026-01-03", "from=2026-01-02&to=2026-01-01", "from=x", "to=0001-01-01&from=9999-12-31"],
)
def test_a_range_is_one_to_366_days(device, query):
    assert ask(device, f"?{query}").status_code == 400
    assert page(device, f".csv?{query}").status_code == 400


@pytest.mark.parametrize("query", ["to=0001-01-01", "from=9999-12-31", "from=0001-01-01&to=0001-01-02", ""])
def test_any_days_may_be_asked_for(device, query):
    assert ask(device, f"?{query}").status_code == 200


def test_the_download_holds_what_the_page_shows(device, yesterday):
    first = (yesterday - timedelta(days=1)).date()
    answer = page(device, f".csv?from={first}&to={yesterday.date()}")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert f"calendar-gate-{device.name.split()[-1]}-{first}" in answer["Content-Disposition"]
    rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert rows == [
        ["day", "expected", "received", "late", "missing", "rejected", "unplanned", "unplanned_rejected"],
        [str(first), "3", "3", "0", "0", "0", "0", "0"],
        [str(yesterday.date()), "3", "1", "0", "1", "1", "0", "0"],
    ]


def test_a_member_sees_nothing_from_before_their_history(device, yesterday):
    """Neither days nor, of the day on which it begins, what was earlier."""
    begins = yesterday + timedelta(hours=10)
    first = (yesterday - timedelta(days=2)).date()
    days = ask(device, f"?from={first}&to={yesterday.date()}", history_from=begins).json()["days"]
    assert [(day["day"], day["expected"], day["received"], day["unplanned"]) for day in days] == [
        (str(yesterday.date()), 2, 0, 0)
    ]
    assert page(device, f"/{first}", history_from=begins).status_code == 404
    detail = ask(device, f"/{yesterday.date()}", history_from=begins).json()
    assert [line["state"] for line in detail["planned"]] == ["rejected", "missing"]


def test_a_member_of_other_cameras_and_an_outsider_see_none_of_it(device, yesterday):
    other, _ = make_device(device.org)
    for rest in ("", ".csv", f"/{yesterday.date()}"):
        assert page(device, rest, camera_ids=[str(other.pk)]).status_code == 404
        assert logged_in(owner_of(make_org())).get(f"/cameras/{device.pk}/calendar{rest}").status_code == 404


def test_programs_of_others_and_a_member_of_other_cameras_get_none_of_it(device, yesterday):
    """There is a camera with counted days, pictures and a refusal, which its own member gets."""
    stranger = make_org()
    _, text = make_token(membership_of(stranger, owner_of(stranger)))
    other, _ = make_device(device.org)
    for rest in ("", f"/{yesterday.date()}"):
        assert ask(device, rest).status_code == 200
        url, headers = f"/v1/devices/{device.pk}/calendar{rest}", {"Authorization": f"Bearer {text}"}
        for refused in (Client().get(url, headers=headers), ask(device, rest, camera_ids=[str(other.pk)])):
            assert (refused.status_code, refused.json()["code"]) == (404, "device_not_found")
            assert not [word for word in ("days", "r12", "broken_picture") if word in refused.text]


def test_a_year_takes_as_many_queries_as_a_week(device):
    client = logged_in(owner_of(device.org))
    today = timezone.now().date()

    def count(days: int) -> int:
        url = f"/cameras/{device.pk}/calendar.csv?from={today - timedelta(days=days)}&to={today}"
        return len(statements_of(lambda: b"".join(client.get(url).streaming_content)))

    client.get(f"/cameras/{device.pk}/calendar")
    assert count(6) == count(364)


# --- the lights on the pages


def test_pages_show_the_three_lights_and_why(device):
    client = logged_in(owner_of(device.org))
    for url in ("/cameras", f"/cameras/{device.pk}", "/cameras/live", f"/cameras/{device.pk}/condition"):
        text = client.get(url).content.decode()
        for word in ("Reachable", "Delivering", "Picture", "It has not been heard of yet."):
            assert word in text, url


def test_the_cameras_can_be_narrowed_to_who_is_not_well(device):
    client = logged_in(owner_of(device.org))
    well, _ = make_device(device.org, "Wellgate")
    now = timezone.now()
    type(well.status).unscoped.filter(device=well).update(
        last_seen_at=now, delivery="on_time", delivery_checked_at=now, last_received_at=now, usable=True
    )
    assert "Wellgate" in client.get("/cameras").content.decode()
    narrowed = client.get("/cameras?show=not-well").content.decode()
    assert "Wellgate" not in narrowed
    assert device.name in narrowed


def test_a_fragment_is_sent_once_while_nothing_changes(device):
    client = logged_in(owner_of(device.org))
    for url in ("/cameras/live", f"/cameras/{device.pk}/condition"):
        first = client.get(url)
        again = client.get(url, headers={"If-None-Match": first["ETag"]})
        assert (first.status_code, again.status_code) == (200, 304)


def test_the_cameras_page_takes_as_many_queries_for_many_cameras_as_for_few(device):
    client = logged_in(owner_of(device.org))
    client.get("/cameras/live")
    few = len(statements_of(lambda: client.get("/cameras/live")))
    for _ in range(4):
        make_rule(make_device(device.org)[0], interval_seconds=600)
    assert len(statements_of(lambda: client.get("/cameras/live"))) == few


def test_programs_read_the_condition(device):
    user = make_member(device.org, Role.VIEWER)
    _, text = make_token(membership_of(device.org, user))
    headers = {"Authorization": f"Bearer {text}"}
    one = Client().get(f"/v1/devices/{device.pk}", headers=headers).json()["condition"]
    assert one == Client().get("/v1/devices", headers=headers).json()["devices"][0]["condition"]
    assert (one["state"], one["sentence"]) == ("unknown", "It has not been heard of yet.")
    assert one["reachable"] == {"state": "unknown", "since": None, "sentence": "It has not been heard of yet."}
    assert set(one) == {"state", "sentence", "reachable", "delivering", "usable"}
