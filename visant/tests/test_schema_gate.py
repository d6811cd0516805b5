"""Nothing works on a schema that is not ours, and nobody looks again once it is."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest
import requests
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from tests.builders import make_device, make_jpeg
from tests.server import BASE_DIR, Server
from visant.schema import gate as gates
from visant.schema.gate import gate, wait_for_schema

PATIENCE = 60.0


@pytest.fixture
def lacking(db, monkeypatch):
    """One migration is not applied, and no request has asked yet; call it to have it applied."""
    latest = MigrationRecorder.Migration.objects.filter(app="captures").latest("pk")
    latest.delete()
    monkeypatch.setattr(gates, "LOOK_SECONDS", 0.0)
    gate.close()

    def apply() -> str:
        MigrationRecorder(connection).record_applied("captures", latest.name)
        return f"captures.{latest.name}"

    yield apply
    gate.open()


def test_requests_are_refused_until_the_schema_is_ours_and_then_nobody_looks_again(
    client, lacking, django_assert_num_queries
):
    key = make_device()[1]
    upload = {"content_type": "image/jpeg", "headers": {"X-API-Key": key}}
    refused = client.post("/v1/captures", make_jpeg(), **upload)
    assert (refused.status_code, refused["Retry-After"]) == (503, "5")
    assert refused["Content-Type"] == "application/problem+json"
    told = refused.json()
    assert (told["code"], told["retryable"], told["keep_local"]) == ("schema_pending", True, True)
    page = client.get("/login/", follow=True)
    assert (page.status_code, page["Retry-After"]) == (503, "5")
    assert "being brought up to date" in page.content.decode()

    lacking()
    assert client.post("/v1/captures", make_jpeg(), **upload).status_code == 201
    MigrationRecorder.Migration.objects.filter(app="captures").latest("pk").delete()
    with django_assert_num_queries(0):
        assert gate.lack() == ""


def test_who_looks_after_the_process_is_answered_all_the_time(client, lacking):
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["schema"] == f"1 migrations are not applied; the next is {lacking()}"
    assert client.get("/readyz").status_code == 200


def test_requests_in_the_meantime_ask_the_database_once_a_second(lacking, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(gates, "LOOK_SECONDS", 60.0)
    assert gate.lack()
    with django_assert_num_queries(0):
        assert gate.lack()


def test_a_process_waits_and_says_so_once(lacking, caplog):
    turns = []

    def pause(seconds: float) -> None:
        turns.append(seconds)
        if len(turns) == 3:
            lacking()

    assert wait_for_schema(pause=pause) is True
    assert gate.is_open
    assert len(turns) == 3
    assert caplog.text.count("Waiting for the schema: 1 migrations are not applied") == 1


def test_a_process_that_waits_ends_when_asked(lacking):
    assert wait_for_schema(pause=lambda seconds: None, is_over=iter([False, True]).__next__) is False
    assert not gate.is_open


@contextlib.contextmanager
def started(server: Server, *arguments: str, log: str):
    with (server.folder / log).open("w") as file:
        command = [sys.executable, "manage.py", *arguments]
        process = subprocess.Popen(command, cwd=BASE_DIR, env=server.environment, stdout=file, stderr=file)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=PATIENCE)


def wait_for(claim) -> None:
    until = time.monotonic() + PATIENCE
    while not claim():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_web_worker_and_scheduler_wait_for_the_job_that_migrates_and_two_jobs_do_not_race(tmp_path):
    with Server(tmp_path, workers=1) as server:
        server.manage("migrate", "captures", "0005", "--verbosity=0")
        waits = ("db_worker", "scheduler")
        with contextlib.ExitStack() as stack:
            for name in waits:
                stack.enter_context(started(server, name, log=f"{name}.log"))
            server.start()
            logs = [server.folder / f"{name}.log" for name in waits]
            wait_for(lambda: all("Waiting for the schema" in log.read_text() for log in logs))
            assert requests.get(f"{server.url}/v1/captures", timeout=30).status_code == 503
            command = [sys.executable, "manage.py", "migrate", "--verbosity=1"]
            jobs = [
                subprocess.Popen(command, cwd=BASE_DIR, env=server.environment, stdout=subprocess.PIPE, text=True)
                for _ in range(2)
            ]
            said = [job.communicate(timeout=PATIENCE)[0] for job in jobs]
            assert [job.returncode for job in jobs] == [0, 0]
            assert sorted("Applying captures.0006" in text for text in said) == [False, True]
            wait_for(lambda: requests.get(f"{server.url}/readyz", timeout=30).status_code == 200)
            wait_for(lambda: requests.get(f"{server.url}/v1/captures", timeout=30).status_code == 401)
            wait_for(lambda: "Calling" in (server.folder / "scheduler.log").read_text())


@pytest.mark.parametrize(
    ("url", "status", "said"),
    [
        ("nonsense", 1, "DATABASE_URL is not understood"),
        ("sqlite:////nowhere/at/all.sqlite3", 1, "does not let us in"),
        ("postgres://visant:secret@127.0.0.1:1/visant", 2, "did not answer within 0 s"),
    ],
)
def test_the_job_says_by_its_status_what_kind_of_failure_it_was(tmp_path, url, status, said):
    environment = {**os.environ, "DATABASE_URL": url, "VISANT_VAR": str(tmp_path)}
    command = [sys.executable, "manage.py", "migrate", "--wait", "0"]
    done = subprocess.run(command, cwd=BASE_DIR, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, said in done.stderr) == (status, True), done.stderr
    assert "secret" not in done.stderr
