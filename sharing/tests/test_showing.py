"""Which pictures a link shows, page by page: all of them, or one of each hour or day of the camera's clock."""

from datetime import UTC, date, datetime, timedelta
from itertools import chain, pairwise
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from captures.models import Capture, EvaluationStatus
from orgs.keyset import BadCursor, Position
from sharing.models import LinkKind, Sampling
from sharing.opening import open_link
from sharing.visitors.showing import NOBODY, Showing
from tests.builders import MOMENT, make_device, make_link, make_org
from tests.queries import statements_of

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def put(device, moments, **fields):
    """Rows of judged pictures at these moments, without bytes."""
    fields = {"verdict": "normal", "evaluation_status": EvaluationStatus.COMPLETED, **fields}
    rows = [
        Capture(
            org_id=device.org_id,
            device=device,
            record_id=f"{moment:%Y%m%d%H%M%S}{number}",
            captured_at=moment,
            storage_key=f"{device.pk}/{moment.isoformat()}{number}.jpeg",
            sha256=f"{number}",
            content_type="image/jpeg",
            byte_size=1,
            width=4,
            height=3,
            **fields,
        )
        for number, moment in enumerate(moments)
    ]
    return Capture.unscoped.bulk_create(rows)


def showing(device, kind=LinkKind.DEVICE, at=None, **fields):
    link = make_link(device.captures.first(), kind, **fields)
    return Showing(open_link(link.token, at=at or timezone.now()))


def joined(pages):
    return [*chain.from_iterable(pages)]


def all_of(shown, limit=24, **first):
    """Every page's moments, by going from cursor to cursor."""
    page = shown.page(limit=limit, **first)
    found = [page.captures]
    while page.next:
        page = shown.page(page.next, limit=limit)
        found.append(page.captures)
    return [[row.captured_at for row in captures] for captures in found]


@pytest.fixture
def device():
    return make_device(make_org(time_zone="Europe/Berlin"))[0]


def every(step, count, start=MOMENT):
    return [start + number * step for number in range(count)]


def test_all_pictures_come_newest_first_page_by_page(device):
    moments = every(timedelta(minutes=1), 60)
    put(device, moments)
    pages = all_of(showing(device))
    assert [len(page) for page in pages] == [24, 24, 12]
    assert joined(pages) == moments[::-1]


@pytest.mark.parametrize(
    ("sampling", "step", "count"),
    [
        (Sampling.HOURLY, timedelta(minutes=7), 600),
        (Sampling.HOURLY, timedelta(minutes=50), 200),
        (Sampling.HOURLY, timedelta(hours=31), 120),
        (Sampling.DAILY, timedelta(minutes=41), 1200),
        (Sampling.DAILY, timedelta(hours=9), 150),
        (Sampling.DAILY, timedelta(days=3), 40),
    ],
)
def test_the_first_of_each_hour_or_day_is_shown_however_dense_they_are(device, sampling, step, count):
    # Over the night of 29 March 2026, when the clocks are put forward.
    moments = every(step, count, MOMENT + 20 * DAY)
    rows = put(device, moments)
    name = "%Y-%m-%d %H %z" if sampling == Sampling.HOURLY else "%Y-%m-%d"
    firsts = {}
    for moment in moments:
        firsts.setdefault(moment.astimezone(ZoneInfo("Europe/Berlin")).strftime(name), moment)
    expected = [*reversed(firsts.values())]
    shown = showing(device, sampling=sampling)
    pages = all_of(shown, limit=10)
    assert joined(pages) == expected
    assert {len(page) for page in pages[:-1]} <= {10}
    found = [row.captured_at for row in rows[::17] if shown.find(row.pk)]
    assert found == [row.captured_at for row in rows[::17] if row.captured_at in firsts.values()]
    middle = next(row for row in rows if row.captured_at == expected[5])
    assert (shown.newer(middle).captured_at, shown.older(middle).captured_at) == (expected[4], expected[6])
    assert shown.newest.captured_at == expected[0]


def test_an_hour_that_comes_twice_is_two_and_a_day_of_25_hours_is_one(device):
    # In Berlin 25 October 2026 has 02:00 to 03:00 twice; it begins at 22:00 UTC.
    moments = every(timedelta(minutes=20), 75, datetime(2026, 10, 24, 22, tzinfo=UTC))
    put(device, moments)
    later = datetime(2026, 12, 1, tzinfo=UTC)
    [hourly] = all_of(showing(device, sampling=Sampling.HOURLY, at=later), limit=100)
    assert hourly == moments[::3][::-1]
    [daily] = all_of(showing(device, sampling=Sampling.DAILY, at=later))
    assert daily == [moments[0]]


def test_a_half_hour_that_comes_twice_is_in_one_hour():
    # On Lord Howe Island the clocks go from 02:00 back to 01:30.
    device, _ = make_device(make_org(time_zone="Australia/Lord_Howe"))
    moments = every(timedelta(minutes=10), 40, datetime(2026, 4, 4, 12, tzinfo=UTC))
    put(device, moments)
    [hourly] = all_of(showing(device, sampling=Sampling.HOURLY), limit=100)
    spans = [later - earlier for later, earlier in pairwise(hourly[:-1])]
    assert sorted(set(spans)) == [HOUR, timedelta(minutes=90)]
    assert spans.count(timedelta(minutes=90)) == 1


def test_a_page_of_samples_ends_after_some_rounds_and_the_next_goes_on(device):
    # Hundreds of pictures within an hour, months apart: no look reaches further than one of them.
    moments = [
        moment for month in range(12) for moment in every(timedelta(seconds=20), 110, MOMENT - month * 30 * DAY)
    ]
    put(device, moments)
    pages = all_of(showing(device, sampling=Sampling.HOURLY))
    assert sorted(joined(pages)) == sorted(every(-30 * DAY, 12))
    assert len(pages) == 2


@pytest.mark.parametrize("sampling", Sampling)
def test_a_day_is_shown_with_those_before_it_and_none_after(device, sampling):
    put(device, every(timedelta(hours=1), 80))
    berlin = ZoneInfo("Europe/Berlin")
    pages = all_of(showing(device, sampling=sampling), day=date(2026, 3, 2))
    days = [moment.astimezone(berlin).date() for page in pages for moment in page]
    assert (max(days), min(days)) == (date(2026, 3, 2), date(2026, 3, 1))


def test_the_day_strip_has_the_days_with_pictures_around_the_one_looked_at(device):
    put(device, every(2 * DAY, 30))
    shown = showing(device)
    newest = (MOMENT + 58 * DAY).date()
    assert shown.days() == [newest - n * 2 * DAY for n in range(14)]
    around = shown.days(around=newest - 20 * DAY)
    assert around[0] == newest - 14 * DAY
    assert len(around) == 14


def test_a_link_to_one_picture_shows_that_and_a_link_to_the_latest_the_newest(device):
    first, second = put(device, every(timedelta(minutes=5), 2), evaluated_at=MOMENT)
    one = showing(device, LinkKind.CAPTURE, sampling=Sampling.DAILY)
    assert one.page().captures == [one.newest] == [one.find(one.newest.pk)]
    latest = showing(device, LinkKind.LATEST)
    assert latest.page() == ([second], None)
    assert (latest.find(second.pk), latest.find(first.pk)) == (second, None)
    assert (latest.newer(second), latest.older(second)) == (None, None)


def test_a_picture_that_was_the_latest_can_be_fetched_for_five_minutes_more(device):
    first, second = put(device, every(timedelta(minutes=5), 2))
    judged = MOMENT + HOUR
    device.captures.update(evaluated_at=judged)
    for delay, shown_at in ((0, judged), (3, second.captured_at + 3 * HOUR)):
        link = make_link(first, LinkKind.LATEST, delay_hours=delay)
        for later, is_there in ((timedelta(minutes=4), True), (timedelta(minutes=6), False)):
            shown = Showing(open_link(link.token, at=shown_at + later))
            assert shown.newest == second
            assert (shown.find(first.pk) == first) is is_there


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00"])
@pytest.mark.parametrize("sampling", Sampling)
def test_a_forged_cursor_or_day_is_refused_or_leads_nowhere(device, sampling, moment):
    put(device, [MOMENT])
    shown = showing(device, sampling=sampling)
    try:
        page = shown.page(Position(datetime.fromisoformat(moment), NOBODY).encode())
    except BadCursor:
        page = shown.page("")
    assert len(page.captures) <= 1
    with pytest.raises(BadCursor):
        shown.page(day=date.max)


@pytest.mark.parametrize("sampling", Sampling)
def test_a_page_takes_as_many_queries_for_many_pictures_as_for_few(device, sampling):
    counts = []
    for count in (300, 3000):
        device.captures.all().delete()
        put(device, every(timedelta(minutes=1), count))
        link = make_link(device.captures.first(), LinkKind.DEVICE, sampling=sampling)
        opened = open_link(link.token, at=timezone.now())
        counts.append(len(statements_of(lambda opened=opened: Showing(opened).page())))
    assert max(counts) <= 4
