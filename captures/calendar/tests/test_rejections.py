"""Refused pictures are noted, and the camera's answer stays what it is."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from captures.calendar import rejections
from captures.calendar.models import Rejection
from captures.calendar.rejections import prune_rejections
from captures.models import Capture
from tests.builders import make_device, make_jpeg
from tests.queries import statements_of

pytestmark = pytest.mark.django_db
BROKEN = make_jpeg()[:-200]


def send(client, key: str, data: bytes = BROKEN, *, query: str = "", content_type: str = "image/jpeg"):
    return client.post(
        f"/v1/captures?{query}", data, content_type=content_type, headers={"Authorization": f"Bearer {key}"}
    )


def noted() -> list[tuple]:
    return list(Rejection.unscoped.order_by("pk").values_list("record_id", "code", "count"))


def test_a_broken_picture_is_noted_once_however_often_it_comes(client):
    device, key = make_device()
    moment = timezone.now().replace(microsecond=0) - timedelta(hours=1)
    query = f"record_id=r1&captured_at={moment.isoformat().replace('+', '%2B')}"
    for _ in range(3):
        answer = send(client, key, query=query)
        assert (answer.status_code, answer.json()["code"]) == (400, "broken_picture")
    assert noted() == [("r1", "broken_picture", 3)]
    row = Rejection.unscoped.get()
    assert (row.device_id, row.org_id, row.captured_at) == (device.pk, device.org_id, moment)
    assert row.detail == answer.json()["detail"]
    assert row.first_at < row.last_at


@pytest.mark.parametrize(
    ("data", "content_type", "status", "code"),
    [
        (b"GIF89a" + b"x" * 50, "image/gif", 415, "not_a_picture"),
        (BROKEN, "image/jpeg", 400, "broken_picture"),
    ],
)
def test_what_is_the_pictures_own_fault_is_noted(client, data, content_type, status, code):
    _, key = make_device()
    answer = send(client, key, data, content_type=content_type, query="record_id=r1")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert noted() == [("r1", code, 1)]


def test_a_picture_that_is_too_large_is_noted_although_it_was_not_read(client, settings):
    settings.VISANT_MAX_PICTURE_MB = 0
    _, key = make_device()
    assert send(client, key, query="record_id=r1").status_code == 413
    assert noted() == [("r1", "too_many_bytes", 1)]


def test_another_picture_under_a_used_name_is_noted(client):
    _, key = make_device()
    assert send(client, key, make_jpeg(1), query="record_id=r1").status_code == 201
    assert send(client, key, make_jpeg(2), query="record_id=r1").status_code == 409
    assert noted() == [("r1", "record_id_taken", 1)]


def test_what_is_not_the_pictures_fault_is_not_noted(client):
    _, key = make_device()
    assert send(client, "vis_dev_wrong_key").status_code == 401
    assert send(client, key, make_jpeg(), query="captured_at=never").status_code == 400
    assert send(client, key, make_jpeg(), query="captured_at=2100-01-01T00:00:00Z").status_code == 400
    assert (
        send(client, key, make_jpeg(), query="device_id=0190163d-8694-739b-aea5-966c26f8ad91").status_code == 403
    )
    assert (noted(), Capture.unscoped.count()) == ([], 0)


@pytest.mark.parametrize("said", ["", "captured_at=0001-01-01T00:00:00Z", "captured_at=2100-01-01T00:00:00Z"])
def test_without_a_possible_moment_the_minute_it_came_in_stands(client, said):
    _, key = make_device()
    assert send(client, key, query=said).status_code == 400
    moment = Rejection.unscoped.get().captured_at
    assert (moment.second, moment.microsecond) == (0, 0)
    assert timezone.now() - moment < timedelta(minutes=2)


def test_a_camera_fills_no_table(client, monkeypatch):
    monkeypatch.setattr(rejections, "MOST_A_DAY", 3)
    _, key = make_device()
    for number in range(6):
        assert send(client, key, query=f"record_id=r{number}").status_code == 400
    assert [name for name, _, _ in noted()] == ["r0", "r1", "r2"]
    send(client, key, query="record_id=r1")
    assert noted()[1] == ("r1", "broken_picture", 2)
    _, other = make_device()
    send(client, other, query="record_id=r9")
    assert len(noted()) == 4


def test_what_cannot_be_noted_changes_no_answer(client, monkeypatch, caplog):
    def fail(*_: object) -> None:
        raise OperationalError("the database is full")

    monkeypatch.setattr(rejections, "_note", fail)
    _, key = make_device()
    assert send(client, key).json()["code"] == "broken_picture"
    assert "could not be noted" in caplog.text


def test_a_good_picture_asks_no_more_of_the_database_than_before(client, django_assert_num_queries):
    _, key = make_device()
    send(client, key, make_jpeg(1))
    with django_assert_num_queries(2):
        assert send(client, key, make_jpeg(2)).status_code == 201


def test_refusals_are_forgotten_after_90_days_in_parts(monkeypatch):
    monkeypatch.setattr("captures.calendar.rejections.DELETED_AT_ONCE", 2)
    device, _ = make_device()
    now = timezone.now()
    for days in (89, 91, 92, 93):
        Rejection.unscoped.create(
            org=device.org,
            device=device,
            record_id=str(days),
            captured_at=now,
            code="x",
            first_at=now - timedelta(days=days),
            last_at=now - timedelta(days=days),
        )
    counts = []
    asked = statements_of(lambda: counts.append(prune_rejections(now=now)))
    assert (counts, prune_rejections(now=now)) == ([3], 0)
    assert len([statement for statement in asked if statement.startswith("DELETE")]) == 2
    assert noted() == [("89", "x", 1)]
