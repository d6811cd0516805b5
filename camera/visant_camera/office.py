"""The thread for all that is neither picture nor command: configuration, heartbeats, acknowledgements."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from typing import Any, Callable, Optional
from urllib.parse import quote

import requests

from visant_camera.backoff import Backoff
from visant_camera.client import sentence
from visant_camera.configuration import Configuration, ConfigurationFile
from visant_camera.identity import Identity
from visant_camera.link import Link, json_object, read_body
from visant_camera.shrink import can_shrink
from visant_camera.standing import wait_after
from visant_camera.vitals import Vitals

log = logging.getLogger(__name__)

UNANSWERED = 500  # acknowledgements that wait at most; the server repeats what it still wants to know


class Office(threading.Thread):
    """``configuration`` is the one in force: at first the last run's, so that it works without the server."""

    def __init__(
        self,
        link: Link,
        identity: Identity,
        vitals: Vitals,
        file: ConfigurationFile,
        *,
        changed: Callable[[], None] = lambda: None,
        backoff: Callable[[], Backoff] = lambda: Backoff(first=5.0, longest=300.0),
    ) -> None:
        """``changed`` is called when another configuration came into force."""
        super().__init__(name="office", daemon=True)
        self.configuration = file.read()
        self.trouble = ""
        self._link = link
        self._identity = identity
        self._vitals = vitals
        self._file = file
        self._changed = changed
        self._backoff = backoff()
        self._acknowledgements: deque[tuple[str, str]] = deque(maxlen=UNANSWERED)
        self._asks_at = self._beats_at = self._resumes_at = 0.0
        self._reported: Optional[dict[str, Any]] = None
        self._news = threading.Event()
        self._stopping = threading.Event()

    def acknowledge(self, trigger_id: str, failure: str = "") -> None:
        """Tell the server that a command is done, or with ``failure`` why it cannot be."""
        self._acknowledgements.append((trigger_id, failure))
        self._news.set()

    def ask_configuration(self) -> None:
        """There is another one on the server."""
        self._asks_at = 0.0
        self._news.set()

    def hurry(self) -> None:
        """The server is there again, as another thread found out."""
        self._resumes_at = 0.0
        self._news.set()

    def stop(self) -> None:
        self._stopping.set()
        self._news.set()

    def run(self) -> None:
        while not self._stopping.is_set():
            self._news.clear()
            # Without an id there is nobody to speak about; the first receipt brings it.
            if self._identity.device_id and time.monotonic() >= self._resumes_at:
                self._do_errands()
            self._news.wait(self._pause())

    def _pause(self) -> float:
        if not self._identity.device_id:
            return 1.0
        due = 0.0 if self.trouble or self._acknowledgements else min(self._asks_at, self._beats_at)
        return max(0.01, max(due, self._resumes_at) - time.monotonic())

    def _do_errands(self) -> None:
        try:
            done = self._acknowledge_all() and self._ask() and self._report() and self._beat()
        except requests.RequestException as error:
            self._fail(self._backoff.next(), sentence(error))
            return
        if done:
            self._backoff.reset()
            if self.trouble:
                log.info("the server answers again")
            self.trouble = ""

    def _acknowledge_all(self) -> bool:
        while self._acknowledgements:
            trigger_id, failure = self._acknowledgements[0]
            path = f"{self._identity.path}/commands/{quote(trigger_id, safe='')}/ack"
            body = {"status": "failed", "reason": failure[:300]} if failure else {"status": "done"}
            # 404: a run of a schedule that the server never queued; 400: nothing we could mend.
            if not self._accepted("POST", path, json=body, also=(400, 404, 409)):
                return False
            self._acknowledgements.popleft()
        return True

    def _ask(self) -> bool:
        if time.monotonic() < self._asks_at:
            return True
        headers = {"If-None-Match": self.configuration.etag} if self.configuration.etag else {}
        with self._link.request("GET", f"{self._identity.path}/config", headers=headers) as response:
            if response.status_code not in (200, 304):
                return self._refused(response)
            answer = json_object(read_body(response))
            if response.status_code == 200 and "version" not in answer:
                self._fail(self._backoff.next(), "the answer is no configuration; is there a log-in page between?")
                return False
            self._link.confirmed(response)
            if answer:
                self._take_over(answer, response.headers.get("ETag", ""))
        self._asks_at = time.monotonic() + self.configuration.poll_seconds
        return True

    def _take_over(self, answer: dict[str, Any], etag: str) -> None:
        key = answer.get("key")
        if isinstance(key, dict) and "text" in key:
            if not self._link.keys.deliver(key["text"]):
                etag = ""
            self._beats_at = 0.0  # the new key is shown at once: its use ends the old one
        new = Configuration.of(answer, etag)
        if (new.etag, new.given) == (self.configuration.etag, self.configuration.given):
            return
        try:
            self._file.write(new)
        except OSError as error:
            log.error("the configuration cannot be kept (%s); it is followed until the next start", error)
        self.configuration = new
        log.info("following configuration %d with %d schedules", new.version, len(new.schedules))
        if (new.max_width or new.quality) and not can_shrink():
            log.error('pictures cannot be made smaller as asked: pip install "visant-camera[picture]"')
        self._changed()

    def _report(self) -> bool:
        if not self.configuration.version:
            return True
        followed = self.configuration.followed(shrinks=can_shrink())
        if followed == self._reported:
            return True
        # 400: the server does not take it as it is; the next change is told again.
        if not self._accepted("PUT", f"{self._identity.path}/config", json=followed, also=(400,)):
            return False
        self._reported = followed
        return True

    def _beat(self) -> bool:
        if time.monotonic() < self._beats_at:
            return True
        if not self._accepted("POST", f"{self._identity.path}/heartbeat", json=self._vitals.read()):
            return False
        self._beats_at = time.monotonic() + self.configuration.heartbeat_seconds
        return True

    def _accepted(self, method: str, path: str, *, also: tuple[int, ...] = (), **more: Any) -> bool:
        with self._link.request(method, path, **more) as response:
            if response.status_code in (200, 201, 202, 204):
                self._link.confirmed(response)
                return True
            if response.status_code in also:
                log.warning("the server does not take %s %s (%d)", method, path, response.status_code)
                return True
            return self._refused(response)

    def _refused(self, response: requests.Response) -> bool:
        self._fail(*wait_after(self._link, response, self._backoff))
        return False

    def _fail(self, wait: float, why: str) -> None:
        self._resumes_at = time.monotonic() + wait
        if why != self.trouble:
            log.warning("no word with the server, %s; trying again", why)
        self.trouble = why
