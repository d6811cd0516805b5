"""The thread that hears what the server wants: by an event stream, or by polling where none comes through."""

from __future__ import annotations

import json
import logging
import threading
import time
from typing import Any, Callable, Optional
from urllib.parse import urlencode

import requests

from visant_camera import __version__
from visant_camera.backoff import Backoff
from visant_camera.client import sentence
from visant_camera.identity import Identity
from visant_camera.link import Link, json_object, read_body
from visant_camera.receipts import retry_after
from visant_camera.sse import Events, TooLong
from visant_camera.standing import wait_after
from visant_camera.wishes import BadCommand, Wish, wish_of

log = logging.getLogger(__name__)

CONNECT = 10.0  # seconds
SILENCE = 75.0  # seconds without an event; the server sends one every 25
FIRST_SILENCE = 40.0  # the same, until a stream has come through here
POLL = 30  # seconds that a long poll waits
SHORTEST_POLL = 2.0  # seconds between two polls, as the server repeats what is still open
STEADY = 20.0  # seconds; a server that ends its streams sooner is asked more and more rarely
STREAMS_AGAIN = 600.0  # seconds of polling until a stream is tried again


class _Silent(Exception):
    """The answer is a yes, but no event comes: something between holds the stream back."""


class Listener(threading.Thread):
    """``up``: commands come through now. Until they do, schedules are run here."""

    def __init__(
        self,
        link: Link,
        identity: Identity,
        *,
        wished: Callable[[Wish], None],
        refused: Callable[[BadCommand], None],
        reconfigured: Callable[[], None],
        changed: Callable[[], None] = lambda: None,
        silence: tuple[float, float] = (FIRST_SILENCE, SILENCE),
        backoff: Callable[[], Backoff] = lambda: Backoff(first=5.0),
    ) -> None:
        """``wished`` and ``refused`` take commands; ``reconfigured`` hears of another configuration, ``changed``
        that ``up`` is another."""
        super().__init__(name="listener", daemon=True)
        self.up = False
        self.trouble = ""
        self._link = link
        self._identity = identity
        self._wished, self._refused, self._reconfigured, self._changed = wished, refused, reconfigured, changed
        self._first_silence, self._silence = silence
        self._backoff = backoff()
        self._heard = False
        self._streams_work = False
        self._polls_until = 0.0
        self._stopping = threading.Event()

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        while not self._stopping.is_set():
            if not self._identity.device_id:
                self._stopping.wait(1.0)
                continue
            self._stopping.wait(self._listen())

    def _listen(self) -> float:
        """Listen once, and return the seconds until the next time."""
        polling = time.monotonic() < self._polls_until
        try:
            return self._poll() if polling else self._stream()
        except _Silent:
            log.warning("event streams do not come through here; asking for commands instead")
            self._polls_until = time.monotonic() + STREAMS_AGAIN
            return 0.0
        except (requests.RequestException, TooLong) as error:
            self._polls_until = 0.0
            why = sentence(error) if isinstance(error, requests.RequestException) else str(error)
            return self._interrupted(self._backoff.next(), why)

    def _stream(self) -> float:
        begun, self._heard = time.monotonic(), False
        try:
            refusal = self._follow()
        except (requests.Timeout, requests.ConnectionError) as error:
            if self._heard or not _is_silence(error):
                raise
            raise _Silent from error
        if refusal is not None:
            return self._interrupted(*refusal)
        if not self._heard:
            raise _Silent
        if time.monotonic() - begun > STEADY:
            self._backoff.reset()
        return self._interrupted(self._backoff.next(), "the stream ended")

    def _follow(self) -> Optional[tuple[float, str]]:
        """Carry out what the stream tells until it ends. When it is refused: seconds to wait, and why."""
        with self._ask(f"{self._query()}&config=1", self._patience(), "text/event-stream") as response:
            if response.status_code != 200:
                return wait_after(self._link, response, self._backoff)
            if response.headers.get("Content-Type", "").startswith("text/event-stream"):
                for data in self._events(response):
                    if not self._heard:
                        self._connected(response)
                    self._heard = self._streams_work = True
                    self._take(data)
        return None

    def _patience(self) -> float:
        return self._silence if self._streams_work else self._first_silence

    def _events(self, response: requests.Response) -> Any:
        """The events until the stream ends or has none for too long (comments alone do not count)."""
        events, last = Events(), time.monotonic()
        # Byte by byte: any larger and requests waits until so many are there.
        for byte in response.iter_content(1):
            for data in events.feed(byte):
                last = time.monotonic()
                yield data
            if self._stopping.is_set() or time.monotonic() - last > self._patience():
                return

    def _poll(self) -> float:
        begun = time.monotonic()
        with self._ask(f"{self._query()}&wait={POLL}", POLL + 15.0, "application/json") as response:
            if response.status_code != 200:
                self._polls_until = 0.0
                return self._interrupted(*wait_after(self._link, response, self._backoff))
            commands = json_object(read_body(response)).get("commands")
            if not isinstance(commands, list):
                self._polls_until = 0.0
                return self._interrupted(self._backoff.next(), "the answer holds no commands")
            self._connected(response)
            self._backoff.reset()
        for command in commands:
            self._take_command(command)
        # A server that cannot hold an answer back says when to come again.
        asked = retry_after(response.headers.get("Retry-After")) or SHORTEST_POLL
        return max(0.0, begun + asked - time.monotonic())

    def _ask(self, query: str, patience: float, accept: str) -> requests.Response:
        # Compressed, a stream would wait for its blocks to fill.
        headers = {"Accept": accept, "Accept-Encoding": "identity", "Cache-Control": "no-cache"}
        path = f"{self._identity.path}/commands?{query}"
        return self._link.request("GET", path, headers=headers, timeout=(CONNECT, patience))

    def _query(self) -> str:
        return urlencode({"device_version": f"visant-camera/{__version__}"})

    def _connected(self, response: requests.Response) -> None:
        self._link.confirmed(response)
        self.trouble = ""
        if not self.up:
            log.info("listening for commands")
            self.up = True
            self._changed()

    def _interrupted(self, wait: float, why: str) -> float:
        if self.up or why != self.trouble:
            log.warning("not listening for commands, %s; again in %.0f s", why, wait)
        self.trouble = why
        if self.up:
            self.up = False
            self._changed()
        return wait

    def _take(self, data: str) -> None:
        try:
            event = json.loads(data)
        except (ValueError, RecursionError):
            log.warning("an event that is not JSON was left out")
            return
        if isinstance(event, dict) and event.get("event") == "config":
            self._reconfigured()
        elif isinstance(event, dict) and "event" not in event:
            self._take_command(event)

    def _take_command(self, command: Any) -> None:
        """One bad command never holds up the next."""
        try:
            wish = wish_of(command if isinstance(command, dict) else {})
        except BadCommand as error:
            log.error("a command is not carried out: %s", error)
            if error.trigger_id:
                self._refused(error)
            return
        self._wished(wish)


def _is_silence(error: requests.RequestException) -> bool:
    """Whether a connection was made and nothing came: once the answer has begun, requests calls that otherwise."""
    return not isinstance(error, requests.ConnectTimeout) and "read timed out" in str(error).lower()
