"""Hints get from one connection to another: with the commit, and not without it."""

import os
import queue
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, transaction

from devices import announcements
from devices.announcements import announce, announced
from devices.streams.hub import SEARCH_SECONDS, SEARCH_SECONDS_ANNOUNCED, Hub
from tests.redis_server import RedisServer

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_SECONDS = 20
ON_POSTGRESQL = os.environ.get("VISANT_TEST_DATABASE") == "postgresql"


Heard = queue.Queue[uuid.UUID | None]


@contextmanager
def hearing() -> Iterator[Heard]:
    """Listen in a thread until the block ends, and yield where to what is heard comes."""
    heard: Heard = queue.Queue()
    over = threading.Event()

    def listen() -> None:
        for device_id in announced():
            heard.put(device_id)
            if over.is_set():
                return

    listening = threading.Thread(target=listen, daemon=True)
    listening.start()
    assert heard.get(timeout=PATIENCE_SECONDS) is None  # connected: all are to be looked at
    yield heard
    over.set()
    announce(uuid.uuid4())
    listening.join(PATIENCE_SECONDS)
    assert not listening.is_alive()


def announce_two_of_three(heard: Heard) -> None:
    first, undone, last = (uuid.uuid4() for _ in range(3))
    with transaction.atomic():
        announce(first)
        assert heard.empty()
    with transaction.atomic():
        announce(undone)
        transaction.set_rollback(True)
    announce(last)
    assert [heard.get(timeout=PATIENCE_SECONDS) for _ in range(2)] == [first, last]
    assert heard.empty()


@pytest.fixture
def redis_server(tmp_path, settings):
    server = RedisServer(tmp_path)
    server.start()
    settings.REDIS_URL = server.url
    announcements._redis.cache_clear()
    yield server
    announcements._redis.cache_clear()
    server.stop()


def test_by_redis_also_after_it_was_away(redis_server):
    assert announcements.are_heard()
    with hearing() as heard:
        announce_two_of_three(heard)
        redis_server.stop()
        announce(uuid.uuid4())  # lost; whoever announces goes on
        redis_server.start()
        assert heard.get(timeout=PATIENCE_SECONDS) is None
        announce_two_of_three(heard)


@pytest.mark.skipif(not ON_POSTGRESQL, reason="SQLite announces nothing")
def test_by_postgresql_also_after_the_connection_was_lost():
    assert announcements.are_heard()
    with hearing() as heard:
        announce_two_of_three(heard)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = %s AND datname = %s",
                [f"LISTEN {announcements.CHANNEL}", connection.settings_dict["NAME"]],
            )
        assert heard.get(timeout=PATIENCE_SECONDS) is None
        announce_two_of_three(heard)


@pytest.mark.skipif(ON_POSTGRESQL, reason="PostgreSQL announces")
def test_on_sqlite_nothing_is_announced_and_processes_look_by_themselves():
    assert not announcements.are_heard()
    announce(uuid.uuid4())


def test_hearing_that_ended_by_a_mistake_is_begun_anew(monkeypatch, caplog):
    """Meanwhile the rows are searched as often as where there are no announcements."""
    beginnings: queue.Queue[int] = queue.Queue()

    def announced_once_in_vain() -> Iterator[None]:
        beginnings.put(1)
        if beginnings.qsize() == 1:
            raise ValueError("What is this?")
        threading.Event().wait(PATIENCE_SECONDS)
        yield None

    monkeypatch.setattr(announcements, "announced", announced_once_in_vain)
    monkeypatch.setattr(announcements, "are_heard", lambda: True)
    hub = Hub()
    hub._begin_to_hear()
    until = time.monotonic() + PATIENCE_SECONDS
    while hub._hearing and time.monotonic() < until:
        time.sleep(0.01)
    with hub._changed:  # all of it is noted
        assert (hub._hearing, hub._search_seconds) == (False, SEARCH_SECONDS)
    assert "Hints are not heard any more" in caplog.text
    hub._hear_again_at = 0.0
    hub._look(set())
    assert (hub._hearing, hub._search_seconds) == (True, SEARCH_SECONDS_ANNOUNCED)
