"""Several processes count together on a real Redis, and each for itself while that is away."""

import logging
import os
import socket
import subprocess
import sys
import time

import pytest
from django.core.cache import caches

from orgs.errors import TooManyRequests
from orgs.ratelimits import count
from tests.redis_server import RedisServer
from visant.caches import RedisOrHere

pytestmark = pytest.mark.once
PATIENCE_SECONDS = 20.0


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory):
    """A Redis of its own on a free port of the loopback; ``start`` and ``stop`` may be called in turn."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture
def shared(redis_server, settings, monkeypatch):
    """The cache as it is with REDIS_URL; but a Redis that a busy machine makes slow is not away."""
    monkeypatch.setattr("visant.caches.TIMEOUT_SECONDS", PATIENCE_SECONDS)
    redis_server.start()
    backend = {"BACKEND": "visant.caches.RedisOrHere", "LOCATION": redis_server.url, "KEY_PREFIX": "visant"}
    settings.CACHES = {"default": backend}
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "login_account": "3/d"}
    RedisOrHere.away_until = 0.0
    cache = caches["default"]
    cache.clear()
    yield redis_server
    cache._here.clear()
    RedisOrHere.away_until = 0.0


def tried(times: int) -> list[str]:
    outcomes = []
    for _ in range(times):
        try:
            count("login_account", "somebody")
            outcomes.append("let in")
        except TooManyRequests:
            outcomes.append("refused")
    return outcomes


ANOTHER_PROCESS = """
import django; django.setup()
from orgs.ratelimits import count
from visant import caches
caches.TIMEOUT_SECONDS = {}
count("login_account", "somebody")
"""


def test_processes_count_together(shared):
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("VISANT_")},
        "VISANT_VAR": os.environ["VISANT_VAR"],
        "DJANGO_SETTINGS_MODULE": "visant.settings",
        "REDIS_URL": shared.url,
        "VISANT_LIMIT_LOGIN_ACCOUNT": "3/d",
    }
    command = [sys.executable, "-c", ANOTHER_PROCESS.format(PATIENCE_SECONDS)]
    for _ in range(2):
        subprocess.run(command, env=environment, check=True, timeout=60)
    assert tried(2) == ["let in", "refused"]


def test_while_redis_is_away_the_process_counts_for_itself_and_says_so_once(shared, caplog):
    assert tried(1) == ["let in"]
    shared.stop()
    with caplog.at_level(logging.ERROR, "visant.caches"):
        assert tried(5) == ["let in"] * 3 + ["refused"] * 2
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "Redis does not answer; each process counts for itself"
    ]


def test_when_redis_is_back_it_is_used_again(shared):
    shared.stop()
    assert tried(1) == ["let in"]
    shared.start()
    RedisOrHere.away_until = 0.0
    assert tried(4) == ["let in"] * 3 + ["refused"]
    assert caches["default"]._cache.get_client().dbsize() > 0


def test_a_redis_that_does_not_answer_delays_nobody_for_long(settings):
    with socket.socket() as silent:  # takes connections and says nothing
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        settings.CACHES = {"default": {"BACKEND": "visant.caches.RedisOrHere", "LOCATION": url}}
        RedisOrHere.away_until = 0.0
        began = time.monotonic()
        assert tried(5) == ["let in"] * 5
        assert time.monotonic() - began < 2
        RedisOrHere.away_until = 0.0
