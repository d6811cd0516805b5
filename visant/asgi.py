"""The door for ASGI servers: ``uvicorn visant.asgi:application``.

Requests are answered by Django under WSGI, in threads. An answer that goes on (``orgs/holding.py``) needs no
thread from then on: a coroutine holds it, thousands in a process.
"""

import asyncio
import logging
import multiprocessing
import multiprocessing.connection
import os
import re
import resource
import signal
import socket
import threading
from types import FrameType
from typing import Any, cast

from a2wsgi import WSGIMiddleware
from django.conf import settings
from django.utils.module_loading import import_string

from orgs.holding import OFFER, Held, Offer
from visant.bodies import (
    SMALL_BYTES,
    Body,
    BodyCutOff,
    BodyTooSlow,
    Message,
    NoThread,
    Readers,
    Receive,
    Room,
    Scope,
    is_awaited,
    length_of,
)
from visant.counting import STREAMS
from visant.refusals import Send, body_too_slow, no_thread, refuse
from visant.wsgi import application as wsgi_application

logger = logging.getLogger(__name__)

# Who takes nothing for so long is gone.
SEND_SECONDS = 20.0
# Whose system confirms nothing of what was sent for so long is gone, too (tcp(7)).
SILENT_MILLISECONDS = 45_000
TCP_USER_TIMEOUT = 18
# Each open stream is an open file; more than these no process needs.
OPEN_FILES = 65_536


class Answer:
    """What the application says, on its way to the client; ended only when nothing is to follow."""

    def __init__(self, offer: Offer, send: Send) -> None:
        self._offer = offer
        self._send = send
        self.goes_on = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.goes_on = self._offer.held is not None and message["status"] == 200
            if self.goes_on:
                kept = [(name, value) for name, value in message["headers"] if name != b"content-length"]
                message = {**message, "headers": kept}
        elif self.goes_on:
            if not message.get("body"):
                return
            message = {**message, "more_body": True}
        await self._send(message)


class Application:
    """Django's WSGI application behind an ASGI server, which also holds the answers that go on (``Held``)."""

    def __init__(self) -> None:
        self._bridge = WSGIMiddleware(cast(Any, wsgi_application), workers=settings.VISANT_WEB_THREADS)
        self._held: set[Held] = set()
        self._ending = False
        self._room = Room()
        self._readers = Readers(settings.VISANT_WEB_THREADS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    # --- a request

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        offer = scope[OFFER] = Offer()
        _clean(scope)
        answer = Answer(offer, send)
        body = Body(receive, self._room)
        try:
            if is_awaited(scope):
                await body.keep(small=length_of(scope) <= SMALL_BYTES)
            if body.is_whole or not length_of(scope):
                await self._pass_on(scope, body, answer)
            else:
                async with self._readers.one():
                    await self._pass_on(scope, body, answer)
        except BodyCutOff:
            pass  # nobody is there any more to be told, and none of what came counts
        except BodyTooSlow:
            await refuse(send, body_too_slow())
        except NoThread:
            await refuse(send, no_thread())
        finally:
            body.forget()
            if offer.held is not None and not answer.goes_on:
                offer.held.close()
        if offer.held is not None and answer.goes_on:
            await self._hold(offer.held, receive, send)

    async def _pass_on(self, scope: Scope, body: Body, answer: Answer) -> None:
        await self._bridge(cast(Any, scope), cast(Any, body.receive), cast(Any, answer.send))

    async def _hold(self, held: Held, receive: Receive, send: Send) -> None:
        self._held.add(held)
        STREAMS.inc()
        if self._ending:
            held.close()
        _notice_dead_line(receive)
        watch = asyncio.create_task(_close_when_gone(held, receive))
        try:
            async for chunk in held:
                async with asyncio.timeout(SEND_SECONDS):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            logger.info("A stream was ended: its client takes nothing any more.")
        finally:
            self._held.discard(held)
            STREAMS.dec()
            held.close()
            watch.cancel()

    # --- the process

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        _allow_many_files()
        _end_with_parent()
        if threading.current_thread() is threading.main_thread():
            self._end_held_on_signals()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.to_thread(_say_goodbye)
        await send({"type": "lifespan.shutdown.complete"})

    def _end_held_on_signals(self) -> None:
        """The server waits for all answers before it tells that it ends; streams would never be complete."""
        loop = asyncio.get_running_loop()

        def chained(number: signal.Signals) -> None:
            before = signal.getsignal(number)

            def end(received: int, frame: FrameType | None) -> None:
                loop.call_soon_threadsafe(self.end_held)
                if callable(before):
                    before(received, frame)

            signal.signal(number, end)

        for number in (signal.SIGTERM, signal.SIGINT):
            chained(number)

    def end_held(self) -> None:
        """Complete all answers that are held, and from now on each right after it began."""
        self._ending = True
        for held in list(self._held):
            held.close()


def _notice_dead_line(receive: Receive) -> None:
    """Let the system give up on a line whose other end is silent: by itself it tries for a quarter of an hour.

    The interface has no word for it, so it is asked of uvicorn's own object; another server goes without.
    """
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    connection = transport.get_extra_info("socket") if transport is not None else None
    if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, SILENT_MILLISECONDS)


async def _close_when_gone(held: Held, receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    held.close()


_NOT_ASCII = re.compile(rb"[\x80-\xff]")


def _clean(scope: Scope) -> None:
    """Take out what WSGI would mistake: there ``X_Forwarded_For`` has the same name as ``X-Forwarded-For``."""
    scope["headers"] = [(name, value) for name, value in scope["headers"] if b"_" not in name]
    scope["query_string"] = _NOT_ASCII.sub(lambda match: b"%%%02X" % match[0][0], scope["query_string"])


def _allow_many_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _end_with_parent() -> None:
    """A worker whose parent was killed would keep the port, so that nobody could take its place."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()


def _say_goodbye() -> None:
    for name in settings.WEB_PROCESS_ENDS:
        import_string(name)()


application = Application()
