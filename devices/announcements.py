"""Hints that there is something new for a camera, to whichever process holds its stream.

The rows are the truth: a hint that is lost only costs the time until somebody looks again. It goes by Redis when
that is configured, else by PostgreSQL's NOTIFY; on SQLite processes look twice a second.
"""

import logging
import uuid
from functools import cache

import redis
from django.conf import settings
from django.db import connection, transaction

logger = logging.getLogger(__name__)

CHANNEL = "visant_devices"


def announce(device_id: uuid.UUID) -> None:
    """Tell, once the transaction at hand is committed, that there is something new for the camera."""
    if settings.REDIS_URL:
        transaction.on_commit(lambda: _publish(str(device_id)))
    elif connection.vendor == "postgresql":
        # Inside the transaction: it is delivered with the commit, and not at all without it.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, str(device_id)])


def _publish(text: str) -> None:
    try:
        _redis().publish(CHANNEL, text)
    except redis.RedisError as error:
        logger.warning("A hint was not published, the rows will be found later: %s", error)


@cache
def _redis() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
