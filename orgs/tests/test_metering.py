"""How much keys are used: counted once, written in batches, never lost for a database that is down."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError, connection
from django.test import Client

from captures.evaluation.services import evaluate_next
from captures.models import Capture
from devices.models import DeviceKeyUsage
from devices.services.keys import issue_key
from orgs import metering
from orgs.models import ApiTokenUsage, MonthlyUsage
from orgs.tests.test_tokens import ask
from tests.builders import make_device, make_jpeg, make_member, make_org, make_token
from tests.problems import refused
from tests.queries import statements_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db


def today():
    return datetime.now(UTC).date()


@pytest.fixture(autouse=True)
def _nothing_counted_yet():
    metering.forget()
    yield
    metering.forget()


def send(key: str, seed: int = 0, **parameters: str):
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    return Client().post(
        f"/v1/captures?{query}", make_jpeg(seed), "image/jpeg", headers={"authorization": f"Bearer {key}"}
    )


def look(key: str):
    return Client().get("/v1/captures", headers={"authorization": f"Bearer {key}"})


def used(model) -> list[tuple[int, int, int]]:
    return list(model.unscoped.order_by("pk").values_list("requests", "pictures", "bytes"))


def test_a_cameras_requests_pictures_and_bytes_are_counted_for_its_key_and_its_organization():
    device, key = make_device()
    size = len(make_jpeg(1))
    assert send(key, 1, record_id="r1").status_code == 201
    assert send(key, 1, record_id="r1").status_code == 200
    assert look(key).status_code == 200
    metering.flush()
    row = DeviceKeyUsage.unscoped.get()
    assert (row.key, row.org_id, row.day) == (device.keys.get(), device.org_id, today())
    assert (row.requests, row.pictures, row.bytes) == (3, 1, size)
    month = MonthlyUsage.unscoped.get()
    assert (month.org_id, month.month, month.pictures, month.bytes) == (
        device.org_id,
        today().replace(day=1),
        1,
        size,
    )


def test_a_tokens_requests_are_counted():
    token, text = make_token()
    ask(text)
    ask(text)
    metering.flush()
    row = ApiTokenUsage.unscoped.get()
    assert (row.key, row.org_id, row.day, row.requests) == (token, token.org_id, today(), 2)


def test_what_is_not_let_in_is_not_counted():
    _, text = make_token(networks=["192.0.2.0/24"])
    assert ask(text).status_code == 403
    assert look("vis_dev_nobody").status_code == 401
    metering.flush()
    assert used(ApiTokenUsage) == used(DeviceKeyUsage) == []


def test_there_is_one_row_for_each_key_and_day_however_often_it_is_written():
    _, key = make_device()
    for _ in range(3):
        look(key)
        metering.flush()
    assert used(DeviceKeyUsage) == [(3, 0, 0)]
    metering.flush()
    assert used(DeviceKeyUsage) == [(3, 0, 0)]


def test_many_keys_are_written_by_two_statements_for_each_table():
    for number in range(5):
        look(make_device(make_org(), f"Gate {number}")[1])
    statements = [sql for sql in statements_of(metering.flush) if "SAVEPOINT" not in sql]
    assert len(statements) == 2
    assert used(DeviceKeyUsage) == [(1, 0, 0)] * 5


@pytest.mark.django_db(transaction=True)
def test_processes_that_write_at_once_add_up():
    row = make_device(make_org())[0].keys.get()

    def write(_: int) -> None:
        slot = metering._day_of(row)
        for _ in range(5):
            metering._write({slot: {"requests": 1, "bytes": 10}})

    assert at_once(write, 4) == [None] * 4
    assert used(DeviceKeyUsage) == [(20, 0, 200)]


def test_what_the_database_does_not_take_is_kept_and_written_later():
    _, key = make_device()
    look(key)

    def down(execute, sql, *rest):
        raise OperationalError("the database is down")

    with connection.execute_wrapper(down), pytest.raises(OperationalError):
        metering.flush()
    look(key)
    metering.flush()
    assert used(DeviceKeyUsage) == [(2, 0, 0)]


def test_a_key_that_was_deleted_since_keeps_nobody_elses_counts_back():
    gone, gone_key = make_device()
    _, key = make_device()
    look(gone_key)
    look(key)
    gone.delete()
    metering.flush()
    assert used(DeviceKeyUsage) == [(1, 0, 0)]


@pytest.mark.django_db(transaction=True)
def test_the_last_counts_are_written_though_nobody_asks_again(settings, monkeypatch):
    settings.METERING_SECONDS = 0.05
    monkeypatch.setattr(metering, "_writer", None)
    _, key = make_device()
    look(key)
    deadline = time.monotonic() + 10
    while not used(DeviceKeyUsage) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert used(DeviceKeyUsage) == [(1, 0, 0)]


def test_counting_costs_an_upload_no_statement():
    _, key = make_device()
    send(key, 1)
    assert len(statements_of(lambda: send(key, 2))) == 2


# --- quotas


def test_a_token_over_its_quota_is_refused_until_midnight():
    token, text = make_token(daily_quota=2)
    assert [ask(text).status_code for _ in range(2)] == [200, 200]
    answer = ask(text)
    assert refused(answer) == (429, "quota_used_up", True, True)
    midnight = datetime.combine(today() + timedelta(days=1), datetime.min.time(), UTC)
    left = (midnight - datetime.now(UTC)).total_seconds()
    assert abs(int(answer["Retry-After"]) - left) < 10
    token.usage.update(day=today() - timedelta(days=1))
    metering.forget()
    assert ask(text).status_code == 200


def test_a_quota_counts_what_other_processes_wrote():
    token, text = make_token(daily_quota=5)
    ApiTokenUsage.unscoped.create(org_id=token.org_id, key=token, day=today(), requests=4)
    assert ask(text).status_code == 200
    assert refused(ask(text)) == (429, "quota_used_up", True, True)


def test_a_quota_is_looked_up_once_in_a_while(monkeypatch):
    monkeypatch.setattr(metering, "READING_SECONDS", 60.0)  # two requests may take a busy machine longer
    _, text = make_token(daily_quota=2)
    ask(text)
    assert not [sql for sql in statements_of(lambda: ask(text)) if "usage" in sql]
    assert refused(ask(text)) == (429, "quota_used_up", True, True)


def test_a_camera_over_its_quota_is_heard_but_not_judged():
    device, _ = make_device()
    _, key = issue_key(device=device, acting_user=None, daily_quota=2)
    assert send(key, 1).status_code == 201
    assert look(key).status_code == 200
    answer = send(key, 2)
    assert (answer.status_code, answer.json()["image_stored"]) == (201, True)
    assert refused(look(key)) == (429, "quota_used_up", True, True)
    assert [evaluate_next(), evaluate_next(), evaluate_next()] == [True, True, False]
    first, second = Capture.unscoped.order_by("pk")
    assert first.evaluation_status == "completed"
    assert (second.evaluation_status, second.reason) == (
        "skipped",
        "Not judged: the camera's key has used up its 2 requests of the day.",
    )
    assert second.thumbnail_key


def test_another_key_of_the_camera_has_a_quota_of_its_own():
    device, free = make_device()
    _, limited = issue_key(device=device, acting_user=None, daily_quota=1)
    assert [look(limited).status_code, look(limited).status_code, look(free).status_code] == [200, 429, 200]


def test_usage_is_shown_for_today_and_thirty_days():
    token, _ = make_token()
    for days, requests in ((0, 1), (29, 10), (30, 100)):
        day = today() - timedelta(days=days)
        ApiTokenUsage.unscoped.create(org_id=token.org_id, key=token, day=day, requests=requests, bytes=7)
    make_member(token.org)
    row = token.org.apitokens.with_usage().get()
    assert (row.requests_today, row.requests_lately, row.bytes_lately, row.pictures_today) == (1, 11, 14, 0)
