"""``GET /v1/captures…``: a camera looks at its own pictures."""

import base64
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from captures.models import Capture
from captures.storage import thumbnail_key
from tests.builders import MOMENT, make_capture, make_device, make_jpeg, make_org
from tests.problems import refused
from tests.queries import statements_of

pytestmark = pytest.mark.django_db
URL = "/v1/captures"


@pytest.fixture
def camera():
    """Its device, and a function that asks in its name."""
    return make_device()


@pytest.fixture
def ask(client, camera):
    def get(path: str = "", **headers):
        return client.get(f"{URL}{path}", headers={"Authorization": f"Bearer {camera[1]}", **headers})

    return get


def listed(answer) -> list[str]:
    assert answer.status_code == 200
    return [row["id"] for row in answer.json()["captures"]]


def ids(*captures: Capture) -> list[str]:
    return [str(capture.pk) for capture in captures]


def as_written(moment) -> str:
    return moment.isoformat().replace("+00:00", "Z")


# --- one picture


def test_a_picture_is_described_by_its_id_and_by_its_record_id(ask, camera):
    capture = make_capture(camera[0], record_id="r 1", trigger_label="door", trigger_id="t1", metadata={"a": [1]})
    described = {
        "id": str(capture.pk),
        "record_id": "r 1",
        "device_id": str(camera[0].pk),
        "captured_at": "2026-03-01T12:00:00Z",
        "ingested_at": as_written(capture.received_at),
        "evaluation_status": "pending",
        "state": None,
        "score": None,
        "reason": None,
        "evaluated_at": None,
        "image_stored": True,
        "thumbnail_stored": False,
        "trigger_label": "door",
        "trigger_id": "t1",
        "metadata": {"a": [1]},
        "content_type": "image/jpeg",
        "byte_size": capture.byte_size,
        "width": 64,
        "height": 48,
        "sha256": capture.sha256,
        "hold": False,
    }
    for name in (capture.pk, str(capture.pk).upper(), "r%201"):
        answer = ask(f"/{name}")
        assert (answer.status_code, answer.json()) == (200, described)


def test_its_status_tells_the_verdict(ask, camera):
    capture = make_capture(camera[0], record_id="r1")
    waiting = {"record_id": "r1", "evaluation_status": "pending", "state": None, "score": None, "reason": None}
    assert ask("/r1/status").json() == {**waiting, "evaluated_at": None}
    judged = {"verdict": "abnormal", "score": 0.875, "reason": "A car is there.", "evaluated_at": MOMENT}
    Capture.unscoped.filter(pk=capture.pk).update(evaluation_status="completed", evaluation_due_at=None, **judged)
    assert ask("/r1/status").json() == {
        "record_id": "r1",
        "evaluation_status": "completed",
        "state": "abnormal",
        "score": 0.875,
        "reason": "A car is there.",
        "evaluated_at": "2026-03-01T12:00:00Z",
    }


def test_a_record_id_that_looks_like_an_id_finds_its_picture_but_an_id_goes_first(ask, camera):
    first, second = make_capture(camera[0]), make_capture(camera[0], minutes=1)
    looks_like = "12345678-1234-1234-1234-123456789abc"
    Capture.unscoped.filter(pk=second.pk).update(record_id=looks_like)
    assert ask(f"/{looks_like}").json()["id"] == str(second.pk)
    Capture.unscoped.filter(pk=first.pk).update(record_id="first")
    Capture.unscoped.filter(pk=second.pk).update(record_id=str(first.pk))
    assert ask(f"/{first.pk}").json()["id"] == str(first.pk)


PATHS = ["", "/status", "/image", "/thumbnail"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ["nothing", "018f0000-0000-7000-8000-000000000000", "%00", "%ff", "x" * 500])
def test_what_is_not_there_is_not_found(ask, name, path):
    assert refused(ask(f"/{name}{path}")) == (404, "capture_not_found", False, True)


@pytest.mark.parametrize("path", PATHS)
def test_another_cameras_picture_is_not_there_not_even_in_the_same_organization(ask, camera, path):
    neighbour, _ = make_device(camera[0].org)
    stranger, _ = make_device(make_org())
    for device in (neighbour, stranger):
        capture = make_capture(device, record_id=f"of-{device.pk}")
        assert refused(ask(f"/{capture.pk}{path}")) == (404, "capture_not_found", False, True)
        assert refused(ask(f"/{capture.record_id}{path}")) == (404, "capture_not_found", False, True)


@pytest.mark.parametrize("path", ["", *(f"/r1{path}" for path in PATHS)])
def test_without_a_key_there_is_nothing_to_see(client, path):
    make_capture(record_id="r1")
    assert refused(client.get(f"{URL}{path}")) == (401, "key_missing", False, True)


# --- bytes


@pytest.mark.parametrize("name", ["r1", None])
def test_the_image_is_byte_for_byte_what_was_sent(ask, camera, name):
    capture = make_capture(camera[0], seed=5, record_id="r1")
    answer = ask(f"/{name or capture.pk}/image")
    assert b"".join(answer.streaming_content) == make_jpeg(5)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["Content-Length"] == str(capture.byte_size)
    assert answer.headers["ETag"] == f'"{capture.sha256}"'
    assert answer.headers["Cache-Control"] == "private, max-age=86400, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_thumbnail_is_there_once_it_was_made(ask, camera):
    capture = make_capture(camera[0], record_id="r1")
    assert refused(ask("/r1/thumbnail")) == (404, "thumbnail_not_made", True, True)
    key = default_storage.save(thumbnail_key(capture.storage_key), ContentFile(b"small"))
    Capture.unscoped.filter(pk=capture.pk).update(thumbnail_key=key)
    answer = ask("/r1/thumbnail")
    assert b"".join(answer.streaming_content) == b"small"
    assert answer.headers["ETag"] == f'"thumb-{capture.sha256}"'
    assert ask("/r1").json()["thumbnail_stored"] is True


@pytest.mark.parametrize("path", ["/r1/image", "/r1/thumbnail"])
def test_a_picture_that_is_known_already_is_not_sent_again(ask, camera, path):
    capture = make_capture(camera[0], record_id="r1")
    key = default_storage.save(thumbnail_key(capture.storage_key), ContentFile(b"small"))
    Capture.unscoped.filter(pk=capture.pk).update(thumbnail_key=key)
    etag = ask(path).headers["ETag"]
    for known in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        answer = ask(path, **{"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", etag)
        assert answer.headers["Cache-Control"] == "private, max-age=86400, immutable"
    assert ask(path, **{"If-None-Match": '"other"'}).status_code == 200


def test_bytes_that_are_missing_are_told_as_an_outage(ask, camera):
    capture = make_capture(camera[0], record_id="r1")
    default_storage.delete(capture.storage_key)
    assert refused(ask("/r1/image")) == (503, "bytes_missing", True, True)


# --- the list


def test_the_list_shows_the_cameras_own_newest_first(ask, camera):
    old, newest, middle = (make_capture(camera[0], minutes=minutes) for minutes in (0, 2, 1))
    make_capture(make_device(camera[0].org)[0], minutes=3)
    make_capture(minutes=3)
    answer = ask()
    assert listed(answer) == ids(newest, middle, old)
    assert answer.json()["next"] is None
    assert answer.json()["captures"][0] == ask(f"/{newest.pk}").json()


def test_an_empty_list_is_a_list(ask):
    assert ask().json() == {"captures": [], "next": None}


def test_pages_follow_one_another_without_gap_or_double_whatever_comes_in_between(ask, camera):
    captures = [make_capture(camera[0], minutes=minutes // 3) for minutes in range(7)]  # some at the same moment
    expected = ids(*sorted(captures, key=lambda capture: (capture.captured_at, capture.pk), reverse=True))
    found, path = [], "?limit=2"
    while path:
        answer = ask(path)
        found += listed(answer)
        link = answer.json()["next"]
        path = f"?{urlsplit(link).query}" if link else ""
        make_capture(camera[0], minutes=60)  # newer than where we are
    assert found == expected


def test_the_next_page_keeps_the_filters(ask, camera):
    for minutes in range(3):
        make_capture(camera[0], minutes=minutes, verdict="abnormal")
    link = urlsplit(ask("?limit=1&state=abnormal").json()["next"])
    query = parse_qs(link.query)
    assert (link.scheme, link.netloc, link.path) == ("http", "testserver", URL)
    assert {**query, "cursor": None} == {"limit": ["1"], "state": ["abnormal"], "cursor": None}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "dcba"),
        ("state=normal", "b"),
        ("state=abnormal", "dc"),
        ("from=2026-03-01T12:01:00Z", "dcb"),
        ("to=2026-03-01T12:01:00Z", "a"),
        ("from=2026-03-01T13:01:00%2B01:00&to=2026-03-01T12:03:00Z", "cb"),
        ("from=2026-03-01T12:02:00", "dc"),  # without an offset: UTC
        ("from=2026-03-02T00:00:00Z", ""),
        ("q=door", "d"),
        ("q=DOOR", "d"),
        ("q=car", "c"),
        ("q=rec-a", "a"),
        ("q=100%25", ""),
        ("state=abnormal&q=door&from=2026-03-01", "d"),
    ],
)
def test_the_list_is_narrowed_by(ask, camera, query, found):
    captures = {
        "a": make_capture(camera[0], minutes=0, record_id="rec-a"),
        "b": make_capture(camera[0], minutes=1, verdict="normal", reason="All is quiet."),
        "c": make_capture(camera[0], minutes=2, verdict="abnormal", reason="A car is there."),
        "d": make_capture(camera[0], minutes=3, verdict="abnormal", trigger_label="Door"),
    }
    assert listed(ask(f"?{query}")) == ids(*(captures[name] for name in found))


def test_the_device_id_may_be_named_when_it_is_the_keys_own(ask, camera):
    capture = make_capture(camera[0])
    assert listed(ask(f"?device_id={camera[0].pk}")) == ids(capture)
    other, _ = make_device(camera[0].org)
    assert refused(ask(f"?device_id={other.pk}")) == (403, "not_this_device", False, True)


def forged(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


NOWHERE = "018f0000-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "bad_limit"),
        ("limit=101", "bad_limit"),
        ("limit=-1", "bad_limit"),
        ("limit=ten", "bad_limit"),
        ("limit=%C2%B2", "bad_limit"),
        ("cursor=x", "bad_cursor"),
        ("cursor=%C3%A9", "bad_cursor"),
        ("cursor=%00", "bad_cursor"),
        (f"cursor={forged('2026-03-01T12:00:00+00:00 x')}", "bad_cursor"),
        (f"cursor={forged(f'2026-03-01T12:00:00 {NOWHERE}')}", "bad_cursor"),
        (f"cursor={forged(f'0001-01-01T00:00:00+14:00 {NOWHERE}')}", "bad_cursor"),
        ("state=unknown", "invalid"),
        ("from=yesterday", "invalid"),
        ("to=0001-01-01T00:00:00%2B14:00", "invalid"),
        ("q=%00", "invalid"),
        (f"q={'x' * 201}", "invalid"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(ask, query, code):
    assert refused(ask(f"?{query}")) == (400, code, False, True)


def test_a_page_costs_three_statements_however_long_it_is_and_counts_nothing(ask, camera):
    ask()  # the first sighting of a minute is written
    texts = []
    for number in (2, 30):
        for minutes in range(number):
            make_capture(camera[0], minutes=minutes)
        texts.append(statements_of(lambda: ask("?limit=20")))
    assert [len(statements) for statements in texts] == [
        3,
        3,
    ]  # the key, whether its organization is suspended, the pictures
    assert not any(word in sql for sql in texts[1] for word in ("COUNT(", "OFFSET"))


def test_a_cursor_that_was_given_out_outlives_the_row_it_names(ask, camera):
    captures = [make_capture(camera[0], minutes=minutes) for minutes in range(3)]
    query = urlsplit(ask("?limit=1").json()["next"]).query
    captures[2].delete()
    assert listed(ask(f"?{query}")) == ids(captures[1])


@pytest.mark.parametrize("path", ["", "/r1", "/r1/status", "/r1/image", "/r1/thumbnail"])
@pytest.mark.parametrize("method", ["put", "patch"])
def test_other_methods_are_refused(client, camera, path, method):
    make_capture(camera[0], record_id="r1")
    answer = getattr(client, method)(f"{URL}{path}", headers={"Authorization": f"Bearer {camera[1]}"})
    assert refused(answer) == (405, "method_not_allowed", False, True)
    assert "GET" in answer.headers["Allow"]


def test_moments_just_before_and_after_are_told_apart(ask, camera):
    capture = make_capture(camera[0])
    Capture.unscoped.filter(pk=capture.pk).update(captured_at=MOMENT + timedelta(microseconds=1))
    assert listed(ask("?to=2026-03-01T12:00:00.000001Z")) == []
    assert listed(ask("?from=2026-03-01T12:00:00.000001Z")) == ids(capture)
