"""One camera that listens, as an answer that goes on: a stream of events, or one answer once there is one."""

import asyncio
import json
import random
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from django.conf import settings

from devices.models import Command, DeviceKey
from devices.services.listening import News

# How long a client should wait before it connects again; each is told another time, so that they do not all
# come at once when a server was started anew.
RETRY_MILLISECONDS = (1000, 5000)


def said(command: Command) -> dict[str, Any]:
    """The command as a camera reads it."""
    told = {"cmd": command.kind, "trigger_id": command.trigger_id, "type": command.trigger_type}
    return {**told, "parameters": command.parameters} if command.parameters else told


def opening(configuration_version: int | None, commands: Sequence[Command] = ()) -> bytes:
    """What a stream begins with."""
    retry = f"retry: {random.randint(*RETRY_MILLISECONDS)}\n\n".encode()  # noqa: S311 - no secret
    return retry + _event({"event": "connected"}) + _events(configuration_version, commands)


def _events(configuration_version: int | None, commands: Sequence[Command]) -> bytes:
    events: list[dict[str, Any]] = [said(command) for command in commands]
    if configuration_version is not None:
        events.insert(0, {"event": "config", "version": configuration_version})
    return b"".join(map(_event, events))


def _event(data: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


class Listening:
    """What both kinds have in common: one thread lets them hear news, a coroutine waits for it.

    ``told``: the open commands it was told. ``check_at``: when it is to be looked at again, on the monotonic
    clock. ``on_close`` is called with it when it is over.
    """

    __slots__ = (
        "_closed",
        "_loop",
        "_stirred",
        "_waiting",
        "check_at",
        "device_id",
        "key_id",
        "on_close",
        "org_id",
        "told",
    )

    def __init__(self, key: DeviceKey) -> None:
        self.key_id, self.device_id, self.org_id = key.pk, key.device_id, key.org_id
        self.told: frozenset[uuid.UUID] = frozenset()
        self.check_at = 0.0
        self.on_close: Callable[[Listening], None] | None = None
        self._waiting: deque[bytes] = deque()
        self._closed = False
        self._stirred = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def hear(self, news: News) -> None:
        """Send what is new in it. Called by one thread only."""
        self.told = frozenset(news.open)
        if words := self._words(news):
            self._waiting.append(words)
            self._stir()

    def knows_version(self, configuration_version: int) -> bool:
        """Whether there is no need to tell it that the configuration is of this version."""
        return True

    def close(self) -> None:
        self._closed = True
        if self.on_close is not None:
            self.on_close(self)
        self._stir()

    def _words(self, news: News) -> bytes:
        raise NotImplementedError

    def _stir(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stirred.set)

    async def _next(self, seconds: float) -> bytes:
        """Return what is to be sent next; nothing when time is up, or it was closed."""
        self._loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                while not self._waiting and not self._closed:
                    await self._stirred.wait()
                    self._stirred.clear()
        except TimeoutError:
            return b""
        return self._waiting.popleft() if self._waiting else b""


class CommandStream(Listening):
    """Events without end. ``configuration_version``: the one it was told; None if it does not ask."""

    __slots__ = ("_version",)

    def __init__(self, key: DeviceKey, configuration_version: int | None) -> None:
        super().__init__(key)
        self._version = configuration_version

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            words = await self._next(settings.STREAM_PING_SECONDS)
            if not words and self._closed:
                return
            yield words or _event({"event": "ping"})

    def knows_version(self, configuration_version: int) -> bool:
        return self._version in (None, configuration_version)

    def _words(self, news: News) -> bytes:
        if self.knows_version(news.configuration_version):
            return _events(None, news.commands)
        self._version = news.configuration_version
        return _events(self._version, news.commands)


class CommandPoll(Listening):
    """One answer: as soon as there is a command, at the latest after ``seconds``."""

    __slots__ = ("_seconds",)

    def __init__(self, key: DeviceKey, seconds: int) -> None:
        super().__init__(key)
        self._seconds = seconds

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield await self._next(self._seconds) or answer_of([])

    def _words(self, news: News) -> bytes:
        return answer_of(news.commands) if news.commands else b""


def answer_of(commands: Sequence[Command]) -> bytes:
    """The answer to a poll."""
    return json.dumps({"commands": [said(command) for command in commands]}).encode()
