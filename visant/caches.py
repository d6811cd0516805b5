"""The cache that several processes share."""

import logging
import time
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

# An answer that takes longer is none: uploads wait for it.
TIMEOUT_SECONDS = 0.25
# While Redis is away, it is asked again this often.
RETRY_SECONDS = 5.0
# Counts that are kept in memory; the ones not used for longest go first.
MAX_ENTRIES = 50_000


class _Client(RedisCacheClient):
    def incr(self, key: Any, delta: int) -> int:
        """Django first asks whether the key is there, and an upload would wait twice.

        Counts begin at one. So what is no more than what was added now had vanished before.
        """
        value = int(self.get_client(key, write=True).incr(key, delta))
        if value <= delta:
            self.delete(key)
            raise ValueError(f"Key {key!r} not found.")
        return value


class RedisOrHere(RedisCache):
    """Redis; and while that is away, the memory of this process.

    So an outage takes no door down and leaves none unguarded: each process then counts for itself.
    """

    away_until = 0.0  # of all threads: the first that notices spares the others the wait

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        options = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
        super().__init__(server, {**params, "OPTIONS": {**options, **params.get("OPTIONS", {})}})
        self._class = _Client
        self._here = LocMemCache("while Redis is away", {"MAX_ENTRIES": MAX_ENTRIES})

    def _ask(self, name: str, *args: Any, **kwargs: Any) -> Any:
        kind = type(self)
        if time.monotonic() >= kind.away_until:
            try:
                return getattr(super(), name)(*args, **kwargs)
            except (RedisError, OSError) as error:
                kind.away_until = time.monotonic() + RETRY_SECONDS
                logger.error("Redis does not answer; each process counts for itself: %s", error)
        return getattr(self._here, name)(*args, **kwargs)


def _asking(name: str) -> Callable[..., Any]:
    def method(self: RedisOrHere, *args: Any, **kwargs: Any) -> Any:
        return self._ask(name, *args, **kwargs)

    return method


for _name in (
    "add",
    "get",
    "set",
    "touch",
    "delete",
    "incr",
    "has_key",
    "get_many",
    "set_many",
    "delete_many",
    "clear",
):
    setattr(RedisOrHere, _name, _asking(_name))
