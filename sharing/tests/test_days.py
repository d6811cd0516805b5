"""The days of a link, as its page draws them."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.template.loader import render_to_string

from sharing.days import HEIGHT, Day, days_of
from sharing.models import LinkDay
from tests.builders import make_capture, make_link
from tests.queries import statements_of

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)


@pytest.fixture
def link():
    link = make_link(make_capture())
    for back, views, visitors, refused in ((0, 8, 4, 0), (2, 1, 1, 3), (29, 1000, 7, 0), (30, 5, 5, 5)):
        day = NOW.date() - timedelta(days=back)
        LinkDay.unscoped.create(
            org=link.org, link=link, day=day, views=views, visitors=visitors, refused_passwords=refused
        )
    LinkDay.unscoped.create(org=link.org, link=make_link(link.capture), day=NOW.date(), views=77)
    return link


def test_thirty_days_up_to_today_with_zeros_where_nothing_happened(link):
    days = days_of(link, at=NOW)
    assert [day.day for day in days.days] == [date(2026, 3, 1) + timedelta(days=n) for n in range(31)][1:]
    assert days.days[0] == Day(date(2026, 3, 2), 1000, 7, 0)
    assert days.days[1] == Day(date(2026, 3, 3))
    assert days.days[-3:] == (
        Day(date(2026, 3, 29), 1, 1, 3),
        Day(date(2026, 3, 30)),
        Day(date(2026, 3, 31), 8, 4),
    )
    assert (days.views, days.most, days.refused_passwords) == (1009, 1000, 3)
    assert len(statements_of(lambda: days_of(link, at=NOW))) == 1


def test_a_day_is_the_organizations(link):
    link.org.time_zone = "Pacific/Kiritimati"
    assert days_of(link, at=NOW, count=2).days == (Day(date(2026, 3, 31), 8, 4), Day(date(2026, 4, 1)))


def test_bars_fit_the_chart_and_a_single_view_is_seen_beside_a_thousand(link):
    bars = {bar.of.day.day: bar for bar in days_of(link, at=NOW).bars}
    assert (bars[2].views, bars[2].top) == (HEIGHT, 0)
    assert (bars[29].views, bars[29].visitors) == (2, 2)
    assert (bars[3].views, bars[3].visitors) == (0, 0)
    assert all(0 <= bar.visitors <= bar.views <= HEIGHT for bar in bars.values())


def test_the_chart_says_the_same_as_its_table_and_has_no_style_of_its_own(link):
    page = render_to_string("sharing/_days.html", {"days": days_of(link, at=NOW)})
    assert "2 March: 1000 views, 7 visitors" in page
    assert "1009 in 30 days" in page
    assert '<th scope="row">Sun 29 March 2026</th><td>1</td><td>1</td><td>3</td>' in page
    assert page.count('<th scope="row">') == 30
    assert "style" not in page


def test_a_link_nobody_opened_says_so():
    link = make_link(make_capture())
    page = render_to_string("sharing/_days.html", {"days": days_of(link, at=NOW, count=7)})
    assert "nobody looked" in page
    assert "<table>" not in page
    assert "days-views" not in page.replace("days-legend--views", "")
