"""The thread that empties the spool."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from typing import Callable

from visant_camera.backoff import Backoff
from visant_camera.client import Client
from visant_camera.outcomes import KeyRejected, Outcome, Received, SetAside, TryLater
from visant_camera.records import DamagedRecord, Record
from visant_camera.spool import KEPT, REFUSED, Spool

log = logging.getLogger(__name__)

KEY_RETRY = 60.0  # seconds between two attempts while the key is not accepted
OUT_OF_SERVICE = {"device_suspended": "suspended", "device_retired": "retired"}
OUT_OF_SERVICE_RETRY = 900.0  # seconds between two attempts while the camera is suspended or retired


class Sender(threading.Thread):
    """Sends the newest picture first, and removes it only on its receipt.

    Two waits, so that one bad picture never holds up the next ones: ``resumes_at`` (monotonic seconds) is
    when the server is tried again; ``_postponed`` tells when one picture is, while others go on.
    """

    def __init__(
        self,
        spool: Spool,
        client: Client,
        *,
        backoff: Callable[[], Backoff] = Backoff,
        key_retry: float = KEY_RETRY,
        settled: Callable[[Record, Outcome], None] = lambda record, outcome: None,
    ) -> None:
        """``settled`` is told of each ``Received`` and ``SetAside`` before the picture leaves the spool."""
        super().__init__(name="sender", daemon=True)
        self.sent = 0
        self.put_aside = 0
        self.resumes_at = 0.0
        self._spool = spool
        self._client = client
        self._key_retry = key_retry
        self._server = backoff()
        self._pictures: defaultdict[str, Backoff] = defaultdict(backoff)
        self._postponed: dict[str, float] = {}
        self._settled = settled
        self._said_no = ""  # why nothing is accepted, as it was said last
        self._news = threading.Event()
        self._stopping = threading.Event()

    def notice(self) -> None:
        """Something new is in the spool."""
        self._news.set()

    def stop(self, *, patience: float) -> None:
        """Ask the thread to end and give it ``patience`` seconds; what it has not sent stays in the spool."""
        self._stopping.set()
        self._news.set()
        if self.is_alive():
            self.join(patience)

    def drain(self, *, patience: float) -> None:
        """Return when the spool is empty, or when it will not be within ``patience`` seconds."""
        deadline = time.monotonic() + patience
        while len(self._spool) and self.is_alive() and max(time.monotonic(), self.resumes_at) < deadline:
            time.sleep(0.02)

    def run(self) -> None:
        while not self._stopping.is_set():
            self._news.clear()
            record = self._spool.newest(skipping=self._not_due())
            if record is None:
                self._news.wait(self._until_next_due())
                continue
            self._send(record)
            self._stopping.wait(max(0.0, self.resumes_at - time.monotonic()))

    def _not_due(self) -> set[str]:
        now = time.monotonic()
        return {record_id for record_id, due in self._postponed.items() if due > now}

    def _until_next_due(self) -> float:
        now = time.monotonic()
        return max(0.01, min([due - now for due in self._postponed.values() if due > now], default=60.0))

    def _send(self, record: Record) -> None:
        try:
            data = self._spool.read(record)
        except DamagedRecord as error:
            self._settle(record, SetAside(str(error), keep=True, answer={}))
            return
        started = time.monotonic()
        outcome = self._client.hand_in(record, data)
        if isinstance(outcome, Received):
            milliseconds = (time.monotonic() - started) * 1000
            log.info("sent %s (%d KB) in %d ms", record.record_id, round(record.size / 1024), milliseconds)
        self._settle(record, outcome)

    def _settle(self, record: Record, outcome: Outcome) -> None:
        if isinstance(outcome, TryLater):
            self._try_later(record, outcome)
        elif isinstance(outcome, KeyRejected):
            self._wait_for_key(outcome)
        elif isinstance(outcome, SetAside):
            self._settled(record, outcome)
            self._set_aside(record, outcome)
        else:
            self.sent += 1
            self._settled(record, outcome)
            self._spool.remove(record)
            self._forget_waits(record)

    def _try_later(self, record: Record, outcome: TryLater) -> None:
        # Pictures dropped meanwhile say nothing about the server.
        self._postponed = {key: due for key, due in self._postponed.items() if key in self._spool}
        others_fail_too = bool(self._postponed.keys() - {record.record_id})
        if not outcome.about_server:
            wait = self._pictures[record.record_id].next()
            self._postponed[record.record_id] = time.monotonic() + wait
        if outcome.about_server or others_fail_too:
            wait = self._server.next() if outcome.after is None else outcome.after
            self.resumes_at = time.monotonic() + wait
        waiting = len(self._spool)
        log.warning(
            "not sent %s, %s; %d waiting, trying again in %.1f s",
            record.record_id,
            outcome.why,
            waiting,
            wait,
        )

    def _wait_for_key(self, outcome: KeyRejected) -> None:
        state = OUT_OF_SERVICE.get(outcome.code)
        wait = OUT_OF_SERVICE_RETRY if state else self._key_retry
        self.resumes_at = time.monotonic() + wait
        if state and self._said_no != state:
            log.error(
                "this camera is %s on the server (%s). Every picture stays in %s; asking again every %.0f min",
                state,
                outcome.why,
                self._spool.folder,
                wait / 60,
            )
        elif not state and not self._said_no:
            log.error(
                "the server does not accept this camera's key (%s). Make a new key on the camera's page in "
                "Visant and start again with it. Until then every picture stays in %s; trying every %.0f s",
                outcome.why,
                self._spool.folder,
                wait,
            )
        self._said_no = state or "key"

    def _set_aside(self, record: Record, outcome: SetAside) -> None:
        where = KEPT if outcome.keep else REFUSED
        self.put_aside += 1
        log.error("not sent %s, %s; it is in %s", record.record_id, outcome.why, self._spool.folder / where)
        self._spool.set_aside(record, where, reason={"why": outcome.why, "answer": dict(outcome.answer)})
        self._forget_waits(record)

    def _forget_waits(self, record: Record) -> None:
        """The server works and this picture is settled."""
        self._server.reset()
        self._said_no = ""
        self._pictures.pop(record.record_id, None)
        self._postponed.pop(record.record_id, None)
