"""Nothing works on a database that is being restored, and everybody who is asked says so."""

import io
import json
import signal
import threading
import time

import pytest
from django.core.management import call_command
from django.db import connection
from django_tasks_db.models import DBTaskResult

from captures.models import Capture
from captures.retention.tasks import count_forecasts
from tests.builders import make_device, make_jpeg
from visant.backup.unfinished import UnfinishedRestore, note_begin, note_end, note_rows, unfinished_restore
from visant.management.commands.scheduler import Job, run_if_due
from visant.schema import gate as gates
from visant.schema.gate import gate, wait_for_schema

SAID = "the restore of the backup 2026-11-28 is not finished"
PATIENCE = 60.0


@pytest.fixture
def restoring(db, monkeypatch):
    """A restore that has begun while the service ran."""
    monkeypatch.setattr(gates, "LOOK_SECONDS", 0.0)
    note_begin("2026-11-28", "default")
    yield
    if unfinished_restore():
        note_end("default")
    gate.open()


@pytest.mark.django_db
def test_it_is_noted_from_its_beginning_to_its_end():
    assert unfinished_restore() is None
    note_begin("first", "default")
    note_begin("second", "default")  # of the first nothing had come yet
    assert unfinished_restore() == UnfinishedRestore("second", has_rows=False)
    note_rows("default")
    assert unfinished_restore() == UnfinishedRestore("second", has_rows=True)
    note_end("default")
    assert unfinished_restore() is None


@pytest.mark.parametrize("has_rows", [False, True])
def test_web_is_not_ready_and_takes_no_requests_once_it_was_asked(client, restoring, has_rows):
    if has_rows:
        note_rows("default")
    key = make_device()[1]
    upload = {"content_type": "image/jpeg", "headers": {"X-API-Key": key}}
    answer = client.get("/readyz")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    told = answer.json()
    assert (told["status"], told["database"], told["queue"]) == ("unavailable", SAID, "unknown")
    refused = client.post("/v1/captures", make_jpeg(), **upload)
    assert (refused.status_code, refused.json()["keep_local"], Capture.unscoped.count()) == (503, True, 0)
    assert client.get("/healthz").status_code == 200
    note_end("default")
    assert client.get("/readyz").status_code == 200
    assert client.post("/v1/captures", make_jpeg(), **upload).status_code == 201


def test_a_web_process_that_starts_meanwhile_takes_none(client, restoring):
    gate.close()
    assert client.get("/login/", follow=True).status_code == 503


def test_worker_and_scheduler_do_not_start(restoring, caplog):
    gate.close()
    assert wait_for_schema(pause=lambda seconds: note_end("default")) is True
    assert f"Waiting for the schema: {SAID}." in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_scheduler_that_runs_calls_nothing(restoring):
    calls, stop = [], threading.Event()
    stop.set()
    run_if_due(Job("sweep", lambda: calls.append(1), interval=10), 100.0, stop)
    assert calls == []
    note_end("default")
    run_if_due(Job("sweep", lambda: calls.append(1), interval=10), 100.0, stop)
    assert calls == [1]


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_runs_begins_no_task(restoring, caplog):
    monitored: list[str] = []

    def end_it() -> None:
        until = time.monotonic() + PATIENCE
        while f"Waiting for the schema: {SAID}." not in caplog.text and time.monotonic() < until:
            time.sleep(0.02)
        monitored.append(DBTaskResult.objects.get().status)
        note_end("default")
        connection.close()

    count_forecasts.enqueue()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)}
    gate.open()  # it was started before
    thread = threading.Thread(target=end_it)
    thread.start()
    try:
        call_command("db_worker", batch=True, interval=0, startup_delay=False, reload=False, verbosity=0)
    finally:
        thread.join(PATIENCE)
        for number, handler in before.items():
            signal.signal(number, handler)
    assert (monitored, DBTaskResult.objects.get().status) == (["RUNNING"], "SUCCESSFUL")


def test_doctor_says_what_to_do(restoring):
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("doctor", json=True, stdout=out)
    found = [finding for finding in json.loads(out.getvalue())["findings"] if finding["part"] == "database"]
    [wrong] = [finding for finding in found if finding["state"] == "error"]
    assert wrong["what"] == f"T{SAID[1:]}."
    assert "run manage.py restore with that backup again" in wrong["fix"]
