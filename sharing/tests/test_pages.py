"""The pages of a link, for whoever holds it."""

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.hashers import make_password
from django.test import Client
from django.utils import timezone

from captures.models import Capture
from devices.services.schedules import add_schedule
from sharing.models import LinkDay, LinkKind, SharingPolicy
from sharing.visitors.door import COOKIE
from tests.builders import MOMENT, make_capture, make_device, make_link, make_org
from tests.queries import statements_of

pytestmark = pytest.mark.django_db
NOW = timezone.now()
HOUR = timedelta(hours=1)
SITE = "https://www.example.org"
PASSWORD = "open sesame"


@pytest.fixture
def device():
    return make_device(make_org(time_zone="Europe/Berlin"), "Hidden gate")[0]


@pytest.fixture
def capture(device):
    return make_capture(device, verdict="abnormal", reason="A ladder is there.", width=1600, height=1200)


def guarded(capture, kind=LinkKind.DEVICE, **fields):
    return make_link(capture, kind, password_hash=make_password(PASSWORD), **fields)


def get(link, path="", **query):
    return Client().get(f"/s/{link.token}{path}", query)


# --- what is shown


def test_the_page_of_a_picture_leads_to_all_of_them_where_there_are_more(capture):
    statuses = {}
    for kind in (LinkKind.DEVICE, LinkKind.CAPTURE, LinkKind.LATEST):
        page = get(make_link(capture, kind), f"/pictures/{capture.pk}")
        statuses[kind] = page.status_code, "All pictures" in page.text
    assert statuses == {"device": (200, True), "capture": (200, False), "latest": (200, False)}


@pytest.mark.parametrize("day", ["9999-12-26", "9999-12-31"])
def test_the_last_days_of_the_calendar_are_refused_also_where_there_is_no_picture(device, day):
    assert get(make_link(make_capture(device), LinkKind.DEVICE), day=day).status_code == 400


def test_a_gallery_says_what_it_shows_until_when_and_whom_to_ask(capture):
    SharingPolicy.unscoped.create(org=capture.org, contact="porter@example.org")
    link = make_link(capture, LinkKind.DEVICE, expires_at=MOMENT + timedelta(days=10_000), sampling="hourly")
    page = get(link)
    text = " ".join(page.text.split())
    assert page.status_code == 200
    assert f"<h1>{capture.device.name}</h1>" in text
    assert "Pictures, one of each hour." in text
    assert "Open until" in text
    assert "17 Jul 2053, 14:00" in text
    assert "the camera’s (CET)" in text
    assert 'href="mailto:porter@example.org"' in text
    assert f'href="/s/{link.token}/report"' in text
    assert f'src="/s/{link.token}/pictures/{capture.pk}/thumbnail" width="400" height="300" loading="lazy"' in text
    assert capture.org.name not in text


def test_a_gallery_goes_from_page_to_page_and_to_a_day(device):
    rows = [make_capture(device, seed=1, minutes=60 * hour, verdict="normal") for hour in range(30)]
    link = make_link(rows[0], LinkKind.DEVICE)
    first = get(link)
    assert [str(row.pk) for row in rows[:5:-1]] == shown(first)
    older = re.search(r'href="([^"]*cursor=[^"]*)" rel="next"', first.text).group(1)
    second = Client().get(older)
    assert [str(row.pk) for row in rows[5::-1]] == shown(second)
    assert "Older" not in second.text
    assert ">Newest<" in second.text
    days = re.findall(r'day=([\d-]+)"( aria-current="date")?', first.text)
    assert days == [("2026-03-02", ' aria-current="date"'), ("2026-03-01", "")]
    assert [str(row.pk) for row in rows[10::-1]] == shown(get(link, day="2026-03-01"))
    for broken in ({"cursor": "nonsense"}, {"day": "2026-02-30"}, {"day": "yesterday"}, {"day": "9999-12-31"}):
        assert get(link, **broken).status_code == 400


def shown(page):
    return re.findall(r'href="/s/[^/"]+/pictures/([0-9a-f-]+)"', page.text)


@pytest.mark.parametrize("kind", [LinkKind.CAPTURE, LinkKind.LATEST])
def test_a_link_to_one_picture_shows_it_at_once(capture, kind):
    link = make_link(capture, kind)
    page = get(link)
    assert f'<img src="/s/{link.token}/pictures/{capture.pk}/image" width="1600" height="1200"' in page.text
    assert "1 March 2026, 13:00:00" in page.text
    assert "All pictures" not in page.text


def test_a_picture_has_those_beside_it_and_the_way_back(device):
    rows = [make_capture(device, minutes=minute, verdict="normal") for minute in range(3)]
    link = make_link(rows[0], LinkKind.DEVICE)
    page = get(link, f"/pictures/{rows[1].pk}")
    steps = re.findall(r'<a href="([^"]*)" rel="(\w+)">', page.text)
    at = f"/s/{link.token}/pictures/"
    assert steps == [(f"{at}{rows[0].pk}", "prev"), (f"{at}{rows[2].pk}", "next")]
    assert f'href="/s/{link.token}?day=2026-03-01"' in page.text
    for last in (rows[0], rows[2]):
        assert len(re.findall(r'rel="(?:prev|next)"', get(link, f"/pictures/{last.pk}").text)) == 1


def test_a_picture_that_the_link_does_not_show_is_not_there(capture):
    link = make_link(capture)
    other = make_capture(capture.device, verdict="normal", minutes=1)
    for page in (get(link, f"/pictures/{other.pk}"), get(link, f"/pictures/{link.pk}")):
        assert page.status_code == 404
        assert "Log in" not in page.text
        assert other.device.name not in page.text


def test_nothing_of_the_verdict_is_told_when_the_link_says_so(capture):
    link = make_link(capture, LinkKind.DEVICE, verdict_shown=False)
    told = make_link(capture, LinkKind.DEVICE)
    for path in ("", f"/pictures/{capture.pk}"):
        assert "ladder" in get(told, path).text
        assert "bnormal" in get(told, path).text
        assert "ladder" not in get(link, path).text
        assert "bnormal" not in get(link, path).text


def test_the_page_of_the_latest_looks_again_by_itself_until_it_is_told_not_to(capture):
    add_schedule(device=capture.device, label="Hourly", interval_seconds=3600, acting_user=None)
    link = make_link(capture, LinkKind.LATEST)
    page = get(link)
    assert re.search(r'<meta http-equiv="refresh" content="\d+">', page.text)
    assert re.search(r'age age--stale">Last picture \d+ days ago<', page.text)
    assert f'href="/s/{link.token}?refresh=off">Stop that' in page.text
    assert "http-equiv" not in get(link, refresh="off").text
    assert "http-equiv" not in get(make_link(capture)).text


def test_a_link_that_shows_nothing_yet_says_so(capture):
    Capture.unscoped.update(verdict=None)
    for kind in LinkKind:
        page = get(make_link(capture, kind))
        assert page.status_code == 200
        assert "There is no picture to show yet." in page.text


def test_a_page_takes_as_many_queries_for_many_pictures_as_for_few(device):
    counts = []
    for count in (2, 20):
        rows = [make_capture(device, seed=1, minutes=count + minute, verdict="normal") for minute in range(count)]
        link = make_link(rows[0], LinkKind.DEVICE)
        counts.append(len(statements_of(lambda link=link: get(link))))
    assert counts[0] == counts[1] <= 6


# --- previews of the link


def previewed(page):
    return dict(re.findall(r'<meta (?:property|name)="((?:og|twitter):[\w:]+)" content="([^"]*)">', page.text))


def test_a_preview_of_the_link_has_the_cameras_name_and_the_moment_and_no_picture_unless_that_is_on(capture):
    plain = make_link(capture, LinkKind.DEVICE)
    tags = previewed(get(plain))
    assert tags["og:title"] == capture.device.name
    assert tags["og:description"] == "Picture of 1 Mar 2026, 13:00"
    assert tags["og:url"].endswith(f"/s/{plain.token}")
    assert "og:image" not in tags
    pictured = make_link(capture, LinkKind.DEVICE, picture_in_preview=True)
    assert previewed(get(pictured))["og:image"].endswith(f"/s/{pictured.token}/preview.jpg")


def test_nothing_is_previewed_of_a_link_with_a_password(capture):
    link = guarded(capture, picture_in_preview=True)
    client = Client()
    asked = client.get(f"/s/{link.token}")
    client.post(f"/s/{link.token}", {"password": PASSWORD})
    let_in = client.get(f"/s/{link.token}")
    assert (asked.status_code, let_in.status_code) == (403, 200)
    assert previewed(asked) == previewed(let_in) == {}
    assert capture.device.name not in asked.text


# --- the password


def test_the_password_opens_the_page_that_was_asked_for(capture):
    link, client = guarded(capture), Client(enforce_csrf_checks=True)
    address = f"/s/{link.token}/pictures/{capture.pk}"
    asked = client.get(address).text
    assert 'type="password"' in asked
    assert f'href="/s/{link.token}/report"' in asked
    answer = client.post(address, {"password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, address)
    assert client.get(address).status_code == 200
    assert client.get(f"/s/{link.token}").status_code == 200
    assert Client().get(address).status_code == 403


def test_a_wrong_password_is_refused_and_told_to_who_watches(capture):
    link = guarded(capture)
    answer = Client().post(f"/s/{link.token}", {"password": "guess"})
    assert answer.status_code == 403
    assert "That is not the password of this link." in answer.text
    assert COOKIE not in answer.cookies
    assert Client().post(f"/s/{link.token}").status_code == 403
    assert LinkDay.unscoped.get(link=link).refused_passwords == 2


def test_who_tries_too_often_waits_and_may_try_other_links(capture, settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"share_password_address": "2/h"}
    link, other = guarded(capture), guarded(capture)
    tried = ("guess", "another guess", PASSWORD)
    answers = [Client().post(f"/s/{link.token}", {"password": text}) for text in tried]
    assert [answer.status_code for answer in answers] == [403, 403, 429]
    assert int(answers[2]["Retry-After"]) > 0
    assert 'type="password"' in answers[2].text
    assert Client().post(f"/s/{other.token}", {"password": PASSWORD}).status_code == 302


def test_a_password_for_a_link_without_one_leads_to_the_page(capture):
    link = make_link(capture)
    answer = Client().post(f"/s/{link.token}", {"password": "whatever"})
    assert (answer.status_code, answer["Location"]) == (302, f"/s/{link.token}")


# --- what does not open


def test_a_closed_link_says_of_what_kind_it_was_why_and_how_to_ask_again(capture):
    policy = SharingPolicy.unscoped.create(org=capture.org, contact="+49 30 1234")
    link = make_link(capture, LinkKind.LATEST, expires_at=NOW - HOUR)
    for answer in (get(link), get(link, "/latest.jpg"), Client().post(f"/s/{link.token}")):
        assert answer.status_code == 410
        assert "This link has expired." in answer.text
        assert "a link to the latest picture of a camera" in answer.text
        assert "+49 30 1234" in answer.text
        assert capture.device.name not in answer.text
        assert f'href="/s/{link.token}/report"' in answer.text
    policy.delete()
    assert "Whoever gave it to you" in get(link).text


def test_from_what_a_link_does_not_show_a_way_leads_back_to_what_it_shows(capture):
    link = make_link(capture, LinkKind.DEVICE)
    back = f'href="/s/{link.token}"'
    for path in (f"/pictures/{link.pk}", "?day=2026-02-31"):
        assert back in get(link, path).text
    unknown = Client().get(f"/s/x/pictures/{link.pk}")
    assert "Look whether the address is complete." in unknown.text
    assert 'href="/s/' not in unknown.text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "All pictures."),
        ({"delay_hours": 1}, "All pictures, once they are 1 hour old."),
        ({"delay_hours": 48}, "All pictures, once they are 2 days old."),
        ({"delay_hours": 30, "sampling": "daily"}, "Pictures, one of each day, once they are 30 hours old."),
        ({"kind": LinkKind.LATEST, "delay_hours": 24}, "The latest picture, once it is 1 day old."),
    ],
)
def test_a_page_says_what_the_link_shows(capture, fields, words):
    assert words in get(make_link(capture, **{"kind": LinkKind.DEVICE, **fields})).text


def test_where_there_is_no_moment_none_is_told(capture):
    Capture.unscoped.update(verdict=None)
    page = get(make_link(capture, LinkKind.DEVICE))
    assert "All times are the camera’s." in page.text
    assert "There is no picture to show yet." in page.text


def test_an_unknown_link_is_not_there_and_guessing_is_limited_but_a_good_one_opens(capture, settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"share_address": "4/h"}
    assert Client().get("/s/no%00body").status_code == 404
    good, gone = make_link(capture), make_link(capture, expires_at=NOW - HOUR)
    tried = (
        "/s/nobody",
        "/s/nobody/latest.jpg",
        "/api/s/nobody",
        "/s/nobody/embed",
        f"/s/x/pictures/{good.pk}/image",
    )
    assert [Client().get(path).status_code for path in tried] == [404, 404, 404, 429, 429]
    assert [get(gone).status_code for _ in range(4)] == [410] * 4
    assert get(good).status_code == 200


# --- frames


def test_a_link_is_embedded_by_the_sites_it_names_and_by_no_other(capture):
    link = make_link(capture, LinkKind.DEVICE, embed_origins=[SITE, "https://example.com"])
    page = get(link, "/embed")
    assert page.status_code == 200
    assert f"frame-ancestors {SITE} https://example.com" in page["Content-Security-Policy"]
    assert "X-Frame-Options" not in page
    [other] = [get(link)]
    assert "frame-ancestors 'none'" in other["Content-Security-Policy"]
    assert other["X-Frame-Options"] == "DENY"
    nowhere = get(make_link(capture, LinkKind.DEVICE), "/embed")
    assert (nowhere.status_code, nowhere["X-Frame-Options"]) == (404, "DENY")
    for refused in (guarded(capture), make_link(capture, expires_at=NOW - HOUR)):
        answer = get(refused, "/embed")
        assert answer["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]


def test_in_a_frame_addresses_carry_the_visit_since_no_cookie_does(capture):
    link = guarded(capture, embed_origins=[SITE], max_views=1)
    asked = get(link, "/embed")
    assert (asked.status_code, "X-Frame-Options" in asked) == (403, False)
    let_in = Client().post(f"/s/{link.token}/embed?visit=", {"password": PASSWORD})
    page = Client().get(let_in["Location"])
    assert page.status_code == 200
    addresses = re.findall(r'(?:src|href|data-visit-url)="(/s/[^"]+)"', page.text)
    kept = [address.replace("&amp;", "&") for address in addresses if "/report" not in address]
    assert len(kept) >= 4
    assert len({parse_qs(urlsplit(address).query)["visit"][0] for address in kept}) == 1
    statuses = {
        Client().get(address).status_code for address in kept if not address.split("?")[0].endswith("view")
    }
    assert statuses == {200}
    [image] = [address.replace("thumbnail", "image") for address in kept if "thumbnail" in address]
    assert [Client().get(image).status_code for _ in range(3)] == [200] * 3
    closed = get(link, "/embed")
    assert (closed.status_code, "X-Frame-Options" in closed) == (410, False)


def test_every_answer_tells_nobody_of_the_address(capture):
    link = make_link(capture, LinkKind.DEVICE)
    closed = make_link(capture, revoked_at=NOW)
    paths = ["", "/embed", f"/pictures/{capture.pk}", f"/pictures/{closed.pk}/image", "/latest.jpg", "/nothing"]
    answers = [get(link, path) for path in paths] + [
        get(closed),
        Client().get("/s/nobody"),
        Client().put("/s/nobody"),
    ]
    answers += [Client().get(f"/api/s/{token}") for token in (link.token, closed.token, "nobody")]
    for answer in answers:
        assert "noindex" in answer["X-Robots-Tag"]
        assert answer["Referrer-Policy"] == "no-referrer"
        assert "private" in answer["Cache-Control"]
