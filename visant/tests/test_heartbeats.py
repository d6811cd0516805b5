"""Workers and schedulers are alive as long as they were heard of lately."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from tests.queries import statements_of
from visant import heartbeats
from visant.heartbeats import Beating, alive, beat, last_heard
from visant.models import Heartbeat

WORKER = Heartbeat.Kind.WORKER


@pytest.mark.django_db
def test_a_process_has_one_row_however_often_it_beats():
    assert (alive(WORKER), last_heard(WORKER)) == (0, None)
    beat(WORKER)
    first = Heartbeat.objects.get()
    assert (first.kind, first.host, first.pid) == ("worker", socket.gethostname(), os.getpid())
    beat(WORKER)
    again = Heartbeat.objects.get()
    assert (again.pk, again.at > first.at, alive(WORKER)) == (first.pk, True, 1)
    assert (alive(Heartbeat.Kind.SCHEDULER), last_heard(WORKER)) == (0, again.at)


@pytest.mark.django_db
def test_who_was_not_heard_of_for_a_minute_is_not_alive_and_after_an_hour_forgotten():
    now = timezone.now()
    for pid, age in ((1, 59), (2, 61), (3, 3601)):
        Heartbeat.objects.create(kind=WORKER, host="elsewhere", pid=pid, at=now - timedelta(seconds=age))
    assert alive(WORKER, now=now) == 1
    beat(Heartbeat.Kind.SCHEDULER)
    assert sorted(Heartbeat.objects.values_list("kind", "pid")) == [
        ("scheduler", os.getpid()),
        ("worker", 1),
        ("worker", 2),
    ]


@pytest.mark.django_db(transaction=True)
def test_it_beats_until_the_block_ends_and_outlives_an_outage(monkeypatch, caplog):
    monkeypatch.setattr(heartbeats, "EVERY_SECONDS", 0.02)
    with Beating(WORKER):
        wait_until(lambda: alive(WORKER) == 1)
        with table_away():
            wait_until(lambda: "No heartbeat was written" in caplog.text)
        before = timezone.now()
        wait_until(lambda: last_heard(WORKER) > before)
    assert Heartbeat.objects.count() == 0


def wait_until(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def table_away() -> Iterator[None]:
    names = "visant_heartbeat", "visant_elsewhere"
    with connection.schema_editor() as editor:
        editor.alter_db_table(Heartbeat, *names)
    try:
        yield
    finally:
        with connection.schema_editor() as editor:
            editor.alter_db_table(Heartbeat, *reversed(names))


@pytest.mark.django_db
def test_a_beat_is_cheap():
    beat(WORKER)
    assert len([sql for sql in statements_of(lambda: beat(WORKER)) if "SAVEPOINT" not in sql]) <= 3
    assert connection.vendor in ("sqlite", "postgresql")
