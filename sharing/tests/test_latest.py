"""The newest picture under an address that stays, and how old it is by the camera's schedules."""

import io
from datetime import timedelta

import numpy as np
import pytest
from django.test import Client
from django.utils import timezone
from PIL import Image

from captures.banner import with_banner
from captures.models import Capture
from devices.services.schedules import add_schedule
from sharing.freshness import LATEST, SOONEST, UNPLANNED, Freshness, age_in_words, freshness_of
from sharing.models import LinkKind, Sampling
from sharing.opening import open_link
from sharing.visitors.latest import freshness
from sharing.visitors.showing import Showing
from tests.builders import MOMENT, make_capture, make_device, make_jpeg, make_link

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def capture():
    return make_capture(verdict="normal")


def hourly(device, **fields):
    schedule = add_schedule(device=device, label="Hourly", interval_seconds=3600, acting_user=None, **fields)
    schedule.rules.update(valid_from=MOMENT - DAY)


def fresh(capture, at, **fields):
    link = make_link(capture, LinkKind.LATEST, **fields)
    showing = Showing(open_link(link.token, at=at))
    return freshness(showing, showing.newest)


def get(link, **headers):
    return Client().get(f"/s/{link.token}/latest.jpg", headers=headers)


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(seconds=59), "just now"),
        (MINUTE, "1 min ago"),
        (59 * MINUTE, "59 min ago"),
        (3 * HOUR + 59 * MINUTE, "3 h ago"),
        (DAY, "1 day ago"),
        (50 * HOUR, "2 days ago"),
    ],
)
def test_an_age_is_told_in_one_unit(age, words):
    assert age_in_words(age) == words


def test_a_picture_is_stale_once_two_planned_ones_are_not_there(capture):
    hourly(capture.device)
    at = MOMENT + 2 * HOUR + 5 * MINUTE
    assert not fresh(capture, at).is_stale
    late = fresh(capture, at + timedelta(seconds=1))
    assert (late.is_stale, late.words) == (True, "last picture 2 h ago")


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (9 * MINUTE + timedelta(seconds=59), "5 min ago"),
        (10 * MINUTE, "10 min ago"),
        (59 * MINUTE, "55 min ago"),
        (119 * MINUTE, "1 h ago"),
        (2 * HOUR, "2 h ago"),
        (47 * HOUR, "1 day ago"),
    ],
)
def test_an_age_that_is_drawn_into_a_picture_goes_in_steps(age, words):
    assert Freshness(MOMENT, MOMENT + age, is_stale=True, asks_in=SOONEST).drawn == f"last picture {words}"


def test_whoever_looks_asks_again_when_the_next_is_due(capture):
    hourly(capture.device)
    waits = [fresh(capture, MOMENT + later).asks_in for later in (20 * MINUTE, HOUR - MINUTE, 3 * HOUR)]
    assert waits == [40 * MINUTE + SOONEST, MINUTE + SOONEST, SOONEST]
    daily = make_capture(make_device()[0], verdict="normal")
    add_schedule(device=daily.device, label="Daily", cron="0 6 * * *", acting_user=None)
    assert fresh(daily, MOMENT + MINUTE).asks_in == LATEST


def test_of_a_camera_without_schedules_a_picture_of_today_is_fresh(capture):
    assert fresh(capture, MOMENT + DAY).is_stale is False
    assert fresh(capture, MOMENT + DAY + MINUTE).is_stale is True
    assert fresh(capture, MOMENT + HOUR).asks_in == UNPLANNED


def test_a_delay_and_a_sampling_make_no_picture_stale(capture):
    hourly(capture.device)
    assert not fresh(capture, MOMENT + 5 * HOUR, delay_hours=3).is_stale
    assert fresh(capture, MOMENT + 5 * HOUR + 6 * MINUTE, delay_hours=3).is_stale
    daily = {"sampling": Sampling.DAILY}
    assert not fresh(capture, MOMENT + 12 * HOUR, **daily).is_stale
    assert fresh(capture, MOMENT + 14 * HOUR, **daily).is_stale


def test_one_picture_and_a_span_of_days_do_not_grow_old(capture):
    for kind in (LinkKind.CAPTURE, LinkKind.RANGE):
        showing = Showing(open_link(make_link(capture, kind).token, at=timezone.now()))
        assert freshness(showing, capture) is None


def test_a_rule_that_cannot_be_followed_any_more_plans_nothing(capture):
    hourly(capture.device)
    capture.device.schedules.get().rules.update(interval_seconds=None, cron="61 * * * *")
    found = freshness_of(
        capture.device, captured_at=MOMENT, free_from=MOMENT, delay=timedelta(), at=MOMENT + 2 * HOUR
    )
    assert (found.is_stale, found.asks_in) == (False, UNPLANNED)


def test_the_latest_is_kept_until_the_next_is_due_but_no_longer_than_the_link(capture):
    Capture.unscoped.update(captured_at=timezone.now() - 20 * MINUTE)
    add_schedule(device=capture.device, label="Hourly", interval_seconds=3600, acting_user=None)
    assert 30 <= max_age(get(make_link(capture, LinkKind.LATEST))) <= 3630
    ends = timezone.now() + timedelta(seconds=20)
    assert 0 < max_age(get(make_link(capture, LinkKind.LATEST, expires_at=ends))) <= 20


def max_age(answer):
    private, age = answer["Cache-Control"].split(", max-age=")
    assert (answer.status_code, private) == (200, "private")
    return int(age)


def test_the_latest_is_unchanged_by_its_tag_until_a_newer_one_is_there(capture):
    Capture.unscoped.update(captured_at=timezone.now() - MINUTE)
    link = make_link(capture, LinkKind.LATEST)
    first = get(link)
    again = get(link, **{"If-None-Match": first["ETag"]})
    assert (again.status_code, again["ETag"], again.content) == (304, first["ETag"], b"")
    newer = make_capture(capture.device, verdict="normal")
    Capture.unscoped.filter(pk=newer.pk).update(captured_at=timezone.now())
    assert get(link, **{"If-None-Match": first["ETag"]}).status_code == 200
    assert link.device.share_links.get().view_count == 2


def test_a_picture_that_is_stale_says_so_itself(capture):
    link = make_link(capture, LinkKind.LATEST)
    with Image.open(io.BytesIO(get(link).content)) as image:
        lower = np.asarray(image.convert("L"))[-8:]
    assert image.size == (64, 48)
    assert lower[:, :2].mean() < 80  # the bar
    assert lower.max() > 200  # words


def test_a_banner_is_readable_on_a_large_picture_too():
    with Image.open(io.BytesIO(with_banner(make_jpeg(1, (2048, 1536)), "last picture 3 h ago"))) as image:
        shades = np.asarray(image.convert("L"))
    bar = shades[-80:]
    assert (bar.mean() < 90, (bar > 230).mean() > 0.02) == (True, True)
    assert abs(shades[:-200].mean() - 128) < 20


def test_there_may_be_no_picture_yet(capture):
    link = make_link(capture, LinkKind.LATEST, picture_in_preview=True)
    Capture.unscoped.update(verdict=None)
    assert get(link).status_code == 404
    assert Client().get(f"/s/{link.token}/preview.jpg").status_code == 404


def test_a_preview_has_a_picture_only_where_that_is_on_and_no_password_is_asked_for(capture):
    assert Client().get(f"/s/{make_link(capture).token}/preview.jpg").status_code == 404
    link = make_link(capture, picture_in_preview=True)
    answer = Client().get(f"/s/{link.token}/preview.jpg")
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
    again = Client().get(f"/s/{link.token}/preview.jpg", headers={"If-None-Match": answer["ETag"]})
    assert again.status_code == 304
    asking = make_link(capture, picture_in_preview=True, password_hash="!")
    assert Client().get(f"/s/{asking.token}/preview.jpg").status_code == 403
    assert link.device.share_links.get(pk=link.pk).view_count == 0


def test_where_views_are_limited_a_preview_has_no_picture_for_it_would_be_one_that_nobody_counts(capture):
    link = make_link(capture, picture_in_preview=True, max_views=5)
    page = Client().get(f"/s/{link.token}")
    assert "og:title" in page.text
    assert "og:image" not in page.text
    assert Client().get(f"/s/{link.token}/preview.jpg").status_code == 404
    link.max_views = None
    link.save()
    assert "og:image" in Client().get(f"/s/{link.token}").text
    assert Client().get(f"/s/{link.token}/preview.jpg").status_code == 200
