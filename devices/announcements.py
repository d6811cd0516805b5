"""Hints that there is something new for a camera, to whichever process holds its stream.

The rows are the truth: a hint that is lost only costs the time until somebody looks again. It goes by Redis when
that is configured, else by PostgreSQL's NOTIFY; on SQLite processes look twice a second.
"""

import logging
import time
import uuid
from collections.abc import Iterator
from functools import cache

import psycopg
import redis
from django.conf import settings
from django.db import connection, transaction

logger = logging.getLogger(__name__)

CHANNEL = "visant_devices"
# After a failure it is tried again so soon, and then twice as late each time.
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
# A server that is gone without a word is noticed within a minute.
KEEPALIVES = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}


def announce(device_id: uuid.UUID) -> None:
    """Tell, once the transaction at hand is committed, that there is something new for the camera."""
    if settings.REDIS_URL:
        transaction.on_commit(lambda: _publish(str(device_id)))
    elif connection.vendor == "postgresql":
        # Inside the transaction: it is delivered with the commit, and not at all without it.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, str(device_id)])


def are_heard() -> bool:
    """Whether announcements get from one process to the others at all."""
    return bool(settings.REDIS_URL) or connection.vendor == "postgresql"


def announced() -> Iterator[uuid.UUID | None]:
    """Yield each camera that something was announced for, as it happens; blocks, and never ends.

    None stands for all of them: some may have been missed, as when the connection was lost and made anew.
    """
    pause = FIRST_PAUSE
    while True:
        try:
            for text in _from_redis() if settings.REDIS_URL else _from_postgresql():
                pause = FIRST_PAUSE
                yield _device_in(text)
        except (psycopg.Error, redis.RedisError) as error:
            logger.warning("No hints are heard, the rows will be found later: %s", error)
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def _device_in(text: str) -> uuid.UUID | None:
    """Anybody may write into the channel: what is no id makes us look at all, no more."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _from_postgresql() -> Iterator[str]:
    """A connection of its own, beside the pool: it waits all the time, and asks for no rows."""
    parameters = {**connection.get_connection_params(), **KEEPALIVES, "autocommit": True}
    with psycopg.connect(**parameters) as listening:
        listening.execute(f"LISTEN {CHANNEL}")
        yield ""
        for notify in listening.notifies():
            yield notify.payload


def _from_redis() -> Iterator[str]:
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=2, socket_keepalive=True, decode_responses=True
    )
    with client, client.pubsub(ignore_subscribe_messages=True) as subscription:  # type: ignore[no-untyped-call]
        subscription.subscribe(CHANNEL)
        yield ""
        for message in subscription.listen():
            yield message["data"]


def _publish(text: str) -> None:
    try:
        _redis().publish(CHANNEL, text)
    except redis.RedisError as error:
        logger.warning("A hint was not published, the rows will be found later: %s", error)


@cache
def _redis() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
