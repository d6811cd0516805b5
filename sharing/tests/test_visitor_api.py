"""What programs get of a link, and how it refuses them."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.hashers import make_password
from django.test import Client
from django.utils import timezone

from sharing.models import LinkKind, ShareLink
from tests.builders import make_capture, make_device, make_link

pytestmark = pytest.mark.django_db
NOW = timezone.now()
SITE = "https://www.example.org"
PASSWORD = "open sesame"


@pytest.fixture
def capture():
    return make_capture(verdict="abnormal", reason="A ladder.", score=0.75)


def get(link, **query):
    return Client().get(f"/api/s/{link.token}", query)


def give(link, password, **headers):
    return Client().post(
        f"/api/s/{link.token}", {"password": password}, content_type="application/json", headers=headers
    )


def test_a_page_tells_of_its_pictures_and_where_they_are(capture):
    expires_at = NOW + timedelta(days=1)
    link = make_link(capture, LinkKind.DEVICE, expires_at=expires_at, download_allowed=True)
    page = get(link).json()
    [row] = page.pop("captures")
    visit = page.pop("visit")
    assert page == {
        "share_type": "device",
        "device_name": capture.device.name,
        "expires_at": expires_at.isoformat().replace("+00:00", "Z"),
        "next": None,
    }
    addresses = {name: row.pop(name) for name in list(row) if name.endswith("_url")}
    assert row == {
        "id": str(capture.pk),
        "captured_at": "2026-03-01T12:00:00Z",
        "state": "abnormal",
        "score": 0.75,
        "reason": "A ladder.",
    }
    assert set(addresses) == {"page_url", "image_url", "thumbnail_url", "original_url"}
    for address in addresses.values():
        assert parse_qs(urlsplit(address).query)["visit"] == [visit]
        assert Client().get(path_of(address)).status_code == 200
    assert ShareLink.unscoped.get(pk=link.pk).view_count == 1


def path_of(address):
    parts = urlsplit(address)
    assert parts.scheme in ("http", "https")
    return f"{parts.path}?{parts.query}"


def test_what_was_found_is_not_told_where_the_link_says_so(capture):
    [row] = get(make_link(capture, verdict_shown=False)).json()["captures"]
    assert (row["state"], row["score"], row["reason"], row["original_url"]) == (None, None, None, None)


def test_pages_are_followed_by_their_cursor_and_keep_the_visit():
    device, _ = make_device()
    rows = [make_capture(device, seed=1, minutes=minute, verdict="normal") for minute in range(5)]
    link = make_link(rows[0], LinkKind.DEVICE)
    page = get(link, limit=2).json()
    found, visits = [], {page["visit"]}
    while True:
        found += [row["id"] for row in page["captures"]]
        if page["next"] is None:
            break
        page = Client().get(path_of(page["next"])).json()
        visits.add(page["visit"])
    assert found == [str(row.pk) for row in reversed(rows)]
    assert len(visits) == 1


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"limit": "many"}, {"cursor": "nonsense"}])
def test_a_question_that_is_none_is_refused(capture, query):
    answer = get(make_link(capture, LinkKind.DEVICE), **query)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


def test_a_password_gives_a_visit_and_the_visit_the_pictures(capture):
    link = make_link(capture, password_hash=make_password(PASSWORD), max_views=1)
    refused = get(link)
    assert (refused.status_code, refused.json()["code"]) == (403, "password_needed")
    assert capture.device.name not in refused.text
    wrong = give(link, "guess")
    assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong_link_password")
    given = give(link, PASSWORD).json()
    assert given["expires_in"] == 12 * 60 * 60
    [row] = get(link, visit=given["visit"]).json()["captures"]
    assert [Client().get(path_of(row["image_url"])).status_code for _ in range(2)] == [200, 200]
    assert Client().get(path_of(row["thumbnail_url"])).status_code == 200
    ShareLink.unscoped.update(password_hash=make_password("another"))
    assert Client().get(path_of(row["thumbnail_url"])).status_code == 410


def test_a_new_password_ends_the_visits_of_the_one_before(capture):
    link = make_link(capture, password_hash=make_password(PASSWORD))
    visit = give(link, PASSWORD).json()["visit"]
    assert get(link, visit=visit).status_code == 200
    ShareLink.unscoped.update(password_hash=make_password(PASSWORD))
    assert get(link, visit=visit).status_code == 403
    assert get(make_link(capture, password_hash=make_password(PASSWORD)), visit=visit).status_code == 403


def test_a_body_that_is_none_is_refused(capture):
    link = make_link(capture)
    for body, kind in (({}, "application/json"), ({"password": ["a"]}, "application/json"), ({}, None)):
        options = {"content_type": kind} if kind else {}
        assert Client().post(f"/api/s/{link.token}", body, **options).status_code in (400, 415)


def test_who_guesses_too_often_waits(capture, settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"share_password_link": "1/h"}
    link = make_link(capture, password_hash=make_password(PASSWORD))
    answers = [give(link, "guess"), give(link, PASSWORD)]
    assert [answer.status_code for answer in answers] == [403, 429]
    assert answers[1]["Content-Type"] == "application/problem+json"
    assert int(answers[1]["Retry-After"]) > 0


def test_a_closed_link_says_what_closed_it_and_an_unknown_one_is_not_there(capture):
    for kind, word in ((LinkKind.LATEST, "latest"), (LinkKind.RANGE, "date_range")):
        answer = get(make_link(capture, kind, expires_at=NOW))
        found = {name: answer.json()[name] for name in ("status", "code", "state", "share_type")}
        assert found == {"status": 410, "code": "link_closed", "state": "expired", "share_type": word}
        assert answer["Content-Type"] == "application/problem+json"
    unknown = Client().get("/api/s/nobody")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "link_not_found")
    assert Client().get("/api/nothing")["Content-Type"] == "application/problem+json"


def test_a_link_that_shows_nothing_yet_has_an_empty_page(capture):
    link = make_link(capture, LinkKind.LATEST, delay_hours=8784)
    assert get(link).json()["captures"] == []


def test_sites_that_may_embed_it_may_read_it_and_no_others(capture):
    link = make_link(capture, embed_origins=[SITE])
    for origin, allowed in ((SITE, SITE), ("https://evil.example", None)):
        answer = Client().get(f"/api/s/{link.token}", headers={"Origin": origin})
        asked = Client().options(f"/api/s/{link.token}", headers={"Origin": origin})
        assert answer.headers.get("Access-Control-Allow-Origin") == allowed
        assert asked.status_code == 204
        assert asked.headers.get("Access-Control-Allow-Headers") == (allowed and "Content-Type")
        assert "Origin" in answer["Vary"]
        assert "Access-Control-Allow-Credentials" not in answer
    closed = make_link(capture, embed_origins=[SITE], expires_at=NOW)
    refusal = Client().get(f"/api/s/{closed.token}", headers={"Origin": SITE})
    assert (refusal.status_code, refusal["Access-Control-Allow-Origin"]) == (410, SITE)
    plain = Client().get(f"/api/s/{make_link(capture).token}", headers={"Origin": SITE})
    assert "Access-Control-Allow-Origin" not in plain
