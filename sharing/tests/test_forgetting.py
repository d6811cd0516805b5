"""Who looked is forgotten when the day is over."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from django.conf import settings

from sharing.models import LinkDay, LinkReport, LinkVisit
from sharing.services import forgetting
from sharing.services.forgetting import forget_old, forget_visitors
from sharing.visitors.visit import LASTS
from tests.builders import make_capture, make_link
from tests.queries import statements_of

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def make_day(zone: str, day: int) -> LinkDay:
    link = make_link(make_capture())
    type(link.org).objects.filter(pk=link.org_id).update(time_zone=zone)
    return LinkDay.unscoped.create(org=link.org, link=link, day=date(2026, 3, day), views=3, visitors=2)


def salted() -> set[tuple[str, int]]:
    rows = LinkDay.unscoped.exclude(salt="").select_related("org")
    return {(row.org.time_zone, row.day.day) for row in rows}


def test_salts_are_emptied_once_the_day_is_over_on_the_organizations_clock():
    for zone in ("UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"):
        for day in (1, 2, 3):
            make_day(zone, day)
    forget_visitors(now=NOON)
    # there it is 2 March 12:00, 3 March 02:00, 2 March 01:00
    assert salted() == {
        ("UTC", 2),
        ("UTC", 3),
        ("Pacific/Kiritimati", 3),
        ("Pacific/Pago_Pago", 2),
        ("Pacific/Pago_Pago", 3),
    }
    assert set(LinkDay.unscoped.values_list("views", "visitors")) == {(3, 2)}


def test_the_salt_of_a_day_outlasts_the_requests_that_began_before_midnight():
    make_day("UTC", 1)
    midnight = datetime(2026, 3, 2, tzinfo=UTC)
    forget_visitors(now=midnight + timedelta(minutes=5))
    assert salted() == {("UTC", 1)}
    forget_visitors(now=midnight + timedelta(minutes=15))
    assert salted() == set()


def test_a_zone_this_computer_does_not_know_goes_by_utc():
    make_day("Mars/Olympus", 1)
    forget_visitors(now=NOON)
    assert salted() == set()


def test_visits_are_forgotten_once_they_have_ended_and_their_day_is_over():
    link = make_link(make_capture())
    for hours in (1, 13, 25, 27, 100):
        LinkVisit.unscoped.create(
            org=link.org,
            link=link,
            id=uuid4(),
            day=NOON.date(),
            visitor=str(hours),
            counted_at=NOON - timedelta(hours=hours),
        )
    forget_visitors(now=NOON)
    assert sorted(LinkVisit.unscoped.values_list("visitor", flat=True)) == ["1", "13", "25"]
    assert LASTS < forgetting.VISITS_KEPT


def test_many_are_forgotten_in_parts_and_again_is_nothing(monkeypatch):
    monkeypatch.setattr(forgetting, "AT_ONCE", 2)
    for _ in range(5):
        day = make_day("UTC", 1)
        LinkVisit.unscoped.create(
            org=day.org, link=day.link, day=day.day, visitor="x", counted_at=NOON - timedelta(days=3)
        )
    first = statements_of(lambda: forget_visitors(now=NOON))
    assert len([sql for sql in first if sql.startswith("DELETE")]) == 3
    assert len([sql for sql in first if sql.startswith("UPDATE")]) == 3
    assert (salted(), LinkVisit.unscoped.count()) == (set(), 0)
    assert len(statements_of(lambda: forget_visitors(now=NOON))) == 2


def test_reports_are_forgotten_some_time_after_they_were_settled(settings):
    settings.VISANT_LINK_REPORT_DAYS = 30
    link = make_link(make_capture())
    for days in (None, 29, 30, 400):
        LinkReport.unscoped.create(
            org=link.org,
            link=link,
            reason="privacy",
            text=str(days),
            email="me@example.org",
            created_at=NOON - timedelta(days=500),
            settled_at=None if days is None else NOON - timedelta(days=days),
        )
    forget_old(now=NOON)
    assert sorted(LinkReport.unscoped.values_list("text", flat=True)) == ["29", "None"]


def test_counts_of_days_long_past_are_forgotten_and_those_of_the_link_stay(monkeypatch):
    monkeypatch.setattr(forgetting, "AT_ONCE", 2)
    link = make_link(make_capture(), view_count=9)
    for back in (0, 399, 400, 401, 402, 2000):
        LinkDay.unscoped.create(org=link.org, link=link, day=NOON.date() - timedelta(days=back), views=1)
    forget_old(now=NOON)
    left = LinkDay.unscoped.values_list("day", flat=True)
    assert sorted((NOON.date() - day).days for day in left) == [0, 399, 400]
    link.refresh_from_db()
    assert link.view_count == 9
    assert len(statements_of(lambda: forget_old(now=NOON))) == 2


def test_the_scheduler_forgets():
    jobs = {name: seconds for name, seconds in settings.SCHEDULE.items() if name.startswith(forgetting.__name__)}
    assert {name.rpartition(".")[2]: seconds for name, seconds in jobs.items()} == {
        "forget_visitors": 60 * 60,
        "forget_old": 24 * 60 * 60,
    }
