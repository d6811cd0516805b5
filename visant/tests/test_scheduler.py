"""``manage.py scheduler``: it calls what is due, outlives an outage, and ends when asked."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from tests.server import BASE_DIR, Server
from visant.management.commands.scheduler import Job, run_if_due


def run_at(job: Job, now: float) -> None:
    run_if_due(job, now, threading.Event())


class Worker:
    """Something to call, which fails as often as it is told to."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)


@pytest.mark.django_db
@pytest.mark.parametrize("failure", [OperationalError("the database is down"), OSError("the disk is full")])
def test_a_job_that_met_an_outage_is_tried_again_at_its_turn(caplog, failure):
    work = Worker(failure)
    job = Job("work", work, interval=10)
    run_at(job, now=100)
    assert (work.calls, job.due) == (1, 110)
    assert "work failed; it is tried again in 10 s" in caplog.text
    run_at(job, now=109.9)
    assert work.calls == 1
    run_at(job, now=110)
    assert (work.calls, job.due) == (2, 120)


@pytest.mark.django_db
def test_a_bug_in_a_job_is_not_carried_on_with():
    job = Job("work", Worker(TypeError("a bug")), interval=10)
    with pytest.raises(TypeError):
        run_at(job, now=100)


def break_down() -> None:
    raise TypeError("a bug")


def take_long() -> None:
    time.sleep(60)


def count_and_end() -> None:
    calls.append(1)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGTERM)


calls: list[int] = []


@pytest.fixture
def schedule(settings):
    """Say what is called how often; the process gets its own answers to signals back."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def say(**jobs: float) -> None:
        settings.SCHEDULE = {f"{__name__}.{name}": seconds for name, seconds in jobs.items()}

    calls.clear()
    yield say
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.django_db(transaction=True)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_ends_the_process_so_that_it_is_seen_and_started_again(schedule):
    schedule(break_down=60)
    with pytest.raises(CommandError, match="break_down ended by a bug"):
        call_command("scheduler")


@pytest.mark.django_db(transaction=True)
def test_what_takes_long_does_not_hold_up_the_rest(schedule):
    schedule(take_long=60, count_and_end=0.05)
    began = time.monotonic()
    call_command("scheduler")
    assert (len(calls) >= 3, time.monotonic() - began < 10) == (True, True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_soon_when_asked(tmp_path, number):
    with Server(tmp_path, VISANT_LOG_LEVEL="INFO") as server:
        command = [sys.executable, "manage.py", "scheduler"]
        log = (tmp_path / "scheduler.log").open("w+")
        with log, subprocess.Popen(command, cwd=BASE_DIR, env=server.environment, stderr=log) as scheduler:
            deadline = time.monotonic() + 30
            while "Calling" not in (tmp_path / "scheduler.log").read_text() and time.monotonic() < deadline:
                time.sleep(0.1)
            time.sleep(0.3)
            scheduler.send_signal(number)
            assert scheduler.wait(timeout=20) == 0
        assert "Traceback" not in (tmp_path / "scheduler.log").read_text()
