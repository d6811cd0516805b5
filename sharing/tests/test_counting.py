"""Views: each visit has one, nobody takes one twice, and none is taken beyond the last."""

import re
from datetime import timedelta
from functools import partial
from urllib.parse import unquote
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from orgs import origin
from sharing.models import LinkDay, LinkKind, LinkVisit, ShareLink
from sharing.opening import LinkClosed, open_link
from sharing.services.links import revoke_links
from sharing.services.visits import count_view
from sharing.visitors.door import COOKIE
from sharing.visitors.visit import Visit, decode, encode
from tests.builders import make_capture, make_link, make_operator
from tests.threads import at_once

pytestmark = pytest.mark.django_db
NOW = timezone.now()
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36"
HERE, THERE = "192.0.2.1", "198.51.100.7"


def counted(link):
    """What stands of the link: its views; and of its day the views and the visitors."""
    views = ShareLink.unscoped.get(pk=link.pk).view_count
    days = list(LinkDay.unscoped.filter(link=link).values_list("views", "visitors"))
    return views, *(days[0] if days else (0, 0))


def take(link, visit_id=None, *, agent=CHROME, ip=HERE, at=NOW):
    with origin.coming_from(ip=ip, request_id=""):
        count_view(opened=open_link(link.token, at=at), visit_id=visit_id or uuid4(), agent=agent)


def beacon(link, client=None, agent=CHROME, **options):
    headers = {"User-Agent": agent, **options.pop("headers", {})}
    return (client or Client()).post(f"/s/{link.token}/view", headers=headers, **options)


# --- what a visit is


def test_a_visit_is_one_view_however_often_it_says_that_somebody_looks():
    link, client = make_link(make_capture()), Client()
    answers = [beacon(link, client) for _ in range(3)]
    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 3
    assert [COOKIE in answer.cookies for answer in answers] == [True, False, False]
    assert counted(link) == (1, 1, 1)
    cookie = answers[0].cookies[COOKIE]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == (f"/s/{link.token}", True, "Lax")
    assert ShareLink.unscoped.get(pk=link.pk).last_viewed_at is not None


def test_a_visit_is_known_by_its_address_where_no_cookie_comes_along():
    link = make_link(make_capture())
    visit = beacon(link).cookies[COOKIE].value
    assert beacon(link, QUERY_STRING=f"visit={visit}").status_code == 204
    assert counted(link) == (1, 1, 1)


def test_a_visit_ends_when_it_was_to_whichever_door_writes_it_anew():
    link = make_link(make_capture(), LinkKind.DEVICE, embed_origins=["https://www.example.org"])
    ends_at = (timezone.now() + timedelta(minutes=5)).replace(microsecond=0)
    given = encode(Visit(uuid4(), ends_at), link)
    client = Client()
    client.cookies[COOKIE] = given
    [framed] = set(re.findall(r"visit=([^\"&]+)", client.get(f"/s/{link.token}/embed").text))
    cookie = beacon(link, client).cookies[COOKIE]
    told = client.get(f"/api/s/{link.token}").json()["visit"]
    written = [decode(unquote(text), link, at=NOW) for text in (framed, told, cookie.value)]
    assert [visit and visit.ends_at for visit in written] == [ends_at] * 3
    assert 0 < cookie["max-age"] <= 300
    assert decode(cookie.value, link, at=ends_at) is None
    assert counted(link) == (1, 1, 1)


def test_a_visit_of_one_link_is_none_of_another():
    link, other = make_link(make_capture()), make_link(make_capture())
    visit = beacon(link).cookies[COOKIE].value
    beacon(other, QUERY_STRING=f"visit={visit}")
    assert (counted(link), counted(other)) == ((1, 1, 1), (1, 1, 1))


def test_after_the_last_view_it_goes_on_for_those_who_had_one_only():
    link, first = make_link(make_capture(), max_views=1), Client()
    assert beacon(link, first).status_code == 204
    late = beacon(link)
    assert (late.status_code, COOKIE in late.cookies) == (410, False)
    assert beacon(link, first).status_code == 204
    assert counted(link) == (1, 1, 1)


def test_a_visit_that_was_refused_the_last_view_left_nothing():
    link = make_link(make_capture(), max_views=1, view_count=1)
    with pytest.raises(LinkClosed) as closed:
        take(link)
    assert closed.value.state == "used_up"
    assert (LinkVisit.unscoped.count(), LinkDay.unscoped.count()) == (0, 0)


def test_a_link_that_was_taken_back_meanwhile_says_so():
    link = make_link(make_capture())
    opened = open_link(link.token, at=NOW)
    revoke_links(links=ShareLink.unscoped.filter(pk=link.pk), acting_user=None)
    with pytest.raises(LinkClosed) as closed:
        count_view(opened=opened, visit_id=uuid4(), agent=CHROME)
    assert (closed.value.state, counted(link)) == ("revoked", (0, 0, 0))


# --- who is a visitor


@pytest.mark.parametrize(
    "agent",
    [
        "WhatsApp/2.23.20.0",
        "TelegramBot (like TwitterBot)",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) SkypeUriPreview Preview/0.5 skype-url-preview@microsoft.com",
        "Mozilla/5.0 (Macintosh) AppleWebKit/601 Safari/601 facebookexternalhit/1.1 Facebot Twitterbot/1.0",
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    ],
)
def test_previews_and_crawlers_use_up_no_view(agent):
    link = make_link(make_capture(), max_views=1)
    assert beacon(link, agent=agent).status_code == 403
    assert counted(link) == (0, 0, 0)


@pytest.mark.parametrize(
    "agent",
    [
        CHROME,
        "Mozilla/5.0 (Linux; Android 9; CUBOT NOTE 20) AppleWebKit/537.36 Chrome/90.0 Mobile Safari/537.36",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605 Mobile/15E148 Instagram 360.0",
        "curl/8.11.0",
        "",
    ],
)
def test_people_with_whatever_browser_or_program_are_visitors(agent):
    link = make_link(make_capture())
    assert beacon(link, agent=agent).status_code == 204
    assert counted(link) == (1, 1, 1)


def test_another_site_cannot_use_up_a_link_with_its_own_visitors():
    link = make_link(make_capture(), max_views=1)
    assert beacon(link, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert counted(link) == (0, 0, 0)
    assert beacon(link, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 204


def test_only_a_post_is_a_view_and_it_needs_no_proof_but_the_address():
    link, client = make_link(make_capture()), Client(enforce_csrf_checks=True)
    assert client.get(f"/s/{link.token}/view").status_code == 405
    assert beacon(link, client).status_code == 204


def test_a_visitor_who_comes_twice_a_day_is_two_views_and_one_visitor():
    link = make_link(make_capture())
    take(link)
    take(link)
    assert counted(link) == (2, 2, 1)
    take(link, agent="Another browser")
    take(link, ip=THERE)
    assert counted(link) == (4, 4, 3)


def test_a_network_of_ipv6_is_one_visitor():
    link = make_link(make_capture())
    for ip in ("2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1"):
        take(link, ip=ip)
    assert counted(link) == (3, 3, 2)


def test_nothing_that_is_kept_tells_an_address_and_no_two_days_or_links_the_same():
    first, second = make_link(make_capture()), make_link(make_capture())
    for link, at in ((first, NOW), (first, NOW + timedelta(days=1)), (second, NOW)):
        take(link, at=at)
    known = list(LinkVisit.unscoped.values_list("visitor", flat=True))
    assert len(set(known)) == 3
    assert all(re.fullmatch("[0-9a-f]{64}", text) for text in known)


def test_where_the_salt_is_forgotten_already_no_address_is_hashed():
    link = make_link(make_capture())
    take(link)
    LinkDay.unscoped.update(salt="")
    take(link)
    take(link)
    assert counted(link) == (3, 3, 3)


def test_days_are_those_of_the_organizations_clock():
    link = make_link(make_capture())
    link.org.time_zone = "Pacific/Auckland"
    link.org.save()
    evening = timezone.datetime(2026, 3, 1, 12, 0, tzinfo=timezone.get_default_timezone())
    take(link, at=evening)
    assert [str(day.day) for day in LinkDay.unscoped.all()] == ["2026-03-02"]


# --- at once


@pytest.mark.django_db(transaction=True)
def test_of_fifty_who_come_at_once_ten_take_the_ten_views():
    link = make_link(make_capture(), max_views=10)
    found = at_once(partial(_beacon_of, link), 50)
    assert sorted(found) == [204] * 10 + [410] * 40
    assert counted(link) == (10, 10, 10)
    assert LinkVisit.unscoped.count() == 10


@pytest.mark.django_db(transaction=True)
def test_one_visit_that_comes_at_once_from_several_pages_is_one_view():
    link = make_link(make_capture(), max_views=3)
    visit_id = uuid4()
    assert at_once(lambda _: take(link, visit_id), 8) == [None] * 8
    assert counted(link) == (1, 1, 1)


@pytest.mark.django_db(transaction=True)
def test_one_visitor_who_comes_at_once_by_several_visits_is_one_visitor():
    link = make_link(make_capture())
    assert at_once(lambda _: take(link), 8) == [None] * 8
    assert counted(link) == (8, 8, 1)


def _beacon_of(link, number: int) -> int:
    return beacon(link, REMOTE_ADDR=f"192.0.2.{number}").status_code


def test_counting_a_view_takes_few_statements(django_assert_max_num_queries):
    link = make_link(make_capture())
    take(link)
    opened = open_link(link.token, at=NOW)
    assert connection.in_atomic_block
    # the day, the visit within a savepoint of its own, the link, other visits, the day
    with django_assert_max_num_queries(9):
        count_view(opened=opened, visit_id=uuid4(), agent=CHROME)


def test_operators_see_how_often_and_nothing_of_who(client):
    client.force_login(make_operator())
    link = make_link(make_capture())
    count_view(opened=open_link(link.token, at=timezone.now()), visit_id=uuid4(), agent="Browser")
    day, visit = LinkDay.unscoped.get(), LinkVisit.unscoped.get()
    for name, row in (("linkday", day), ("linkvisit", visit)):
        for url in (
            reverse(f"admin:sharing_{name}_changelist"),
            reverse(f"admin:sharing_{name}_change", args=[row.pk]),
        ):
            page = client.get(url).content.decode()
            assert str(link) in page
            assert day.salt not in page
            assert visit.visitor not in page
