"""Request bodies on their way in, from clients that may be slow, or gone before the end."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

# A body of up to so many bytes is awaited before a thread is given to its request, so that slow clients keep none;
# a small one always, others as long as what has come of them is not more than this in all.
SMALL_BYTES = 64 * 1024
AWAITED_BYTES = 8 * 1024 * 1024
AWAITED_TOGETHER = 64 * 1024 * 1024
# A client may keep us waiting for so long in all, and longer by what it sends at this rate: a bad mobile line's.
# However much it sends, it may never be silent for longer at once.
# Where a thread waits, or bodies for one, it is not as long.
PATIENCE_SECONDS, THREADS_PATIENCE_SECONDS = 60.0, 20.0
LEAST_BYTES_A_SECOND = 4 * 1024


class BodyCutOff(OSError):
    """The client was gone before the end of the body: none of it counts. Django knows it as an OSError."""


class BodyTooSlow(OSError):
    """The client kept us waiting for too long."""


class NoThread(Exception):
    """All threads that may wait for bodies do so."""


class Readers:
    """Which threads wait for bodies: half of them at most, so that the others answer all else meanwhile.

    How long one is kept is bounded by the least rate, as where no thread waits.
    """

    def __init__(self, threads: int) -> None:
        self._free = asyncio.Semaphore(max(1, threads // 2))

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for one of them, without keeping a thread. Raises :class:`NoThread`."""
        try:
            async with asyncio.timeout(THREADS_PATIENCE_SECONDS):
                await self._free.acquire()
        except TimeoutError as error:
            raise NoThread from error
        try:
            yield
        finally:
            self._free.release()


class Room:
    """How much may be kept of bodies that are not complete, all together."""

    def __init__(self, size: int = AWAITED_TOGETHER) -> None:
        self.left = size


class Body:
    """A body as it comes; :meth:`receive` is as ASGI has it, but raises when the rest will not come."""

    def __init__(self, receive: Receive, room: Room) -> None:
        self._receive = receive
        self._room = room
        self._kept = 0
        self._patience = PATIENCE_SECONDS
        self._came: list[bytes] = []
        self._more = True

    @property
    def is_whole(self) -> bool:
        """Whether all of it has come."""
        return not self._more

    async def keep(self, *, small: bool) -> None:
        """Await the whole body, or as much of it as there is room for; ``receive`` then hands it out at once."""
        while self._more and (small or self._room.left > 0):
            part = await self._next()
            self._came.append(part)
            if not small:
                self._kept += len(part)
                self._room.left -= len(part)

    def forget(self) -> None:
        """Give back the room it took."""
        self._room.left += self._kept
        self._kept = 0

    async def receive(self) -> Message:
        if not self._came:
            self._patience = min(self._patience, THREADS_PATIENCE_SECONDS)
            return {"type": "http.request", "body": await self._next(), "more_body": self._more}
        came, self._came = b"".join(self._came), []
        return {"type": "http.request", "body": came, "more_body": self._more}

    async def _next(self) -> bytes:
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._patience):
                message = await self._receive()
        except TimeoutError as error:
            self._patience = 0.0
            raise BodyTooSlow("The body came too slowly.") from error
        if message["type"] == "http.disconnect":
            raise BodyCutOff("The client was gone before the end of the body.")
        part: bytes = message.get("body", b"")
        left = self._patience + len(part) / LEAST_BYTES_A_SECOND - (time.monotonic() - began)
        self._patience = min(PATIENCE_SECONDS, left)
        self._more = message.get("more_body", False)
        return part


def is_awaited(scope: Scope) -> bool:
    """Whether the body should be there before the request is answered."""
    length = length_of(scope)
    if length > SMALL_BYTES and any(name == b"expect" for name, _ in scope["headers"]):
        return False  # it is sent only when the application asks for it, after a look at who sends
    return 0 < length <= AWAITED_BYTES


def length_of(scope: Scope) -> int:
    """How long the body is said to be; 0 when nothing is said."""
    text = dict(scope["headers"]).get(b"content-length", b"")
    return int(text) if text.isdigit() else 0
