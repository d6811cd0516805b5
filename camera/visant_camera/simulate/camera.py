"""One simulated camera: its rhythm, its clock, its outages, and what it knows of each picture."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Callable, NamedTuple, Optional

from visant_camera.simulate.ledger import ACKNOWLEDGED, REFUSED, Ledger
from visant_camera.simulate.line import Answer, Line, Lost
from visant_camera.simulate.listening import Listener
from visant_camera.simulate.mishaps import attempt, send_again
from visant_camera.simulate.pictures import Shot, take
from visant_camera.simulate.verify import compare

OUTAGES = 0.08  # of all moments a picture is due, how many begin an outage
OUTAGE_SECONDS = (1.0, 6.0)


class Key(NamedTuple):
    device_id: str
    text: str


class Plan(NamedTuple):
    """``every``: seconds between two pictures, on average; ``until``: when the last is taken; ``settled_by``: when
    a camera stops trying to send what still waits, and to compare (both monotonic)."""

    url: str
    every: float
    until: float
    settled_by: float
    ledger: Ledger


class Camera(threading.Thread):
    """``finished``: all its pictures are settled, and what it was told was compared with what the server shows."""

    def __init__(self, key: Key, plan: Plan, *, rng: random.Random, listens: bool) -> None:
        super().__init__(name=f"camera {key.device_id}", daemon=True)
        self.finished = False
        self._key, self._plan, self._rng, self._ledger = key, plan, rng, plan.ledger
        self._line = Line(plan.url, key.text)
        self._skew = _some_skew(rng)
        self._waiting: deque[Shot] = deque()
        self._not_before = 0.0
        self._news = threading.Event()
        self._received: dict[str, Shot] = {}
        self._refused: set[str] = set()
        self._listener = Listener(plan.url, key, on_command=self._take_for, until=plan.until) if listens else None

    def run(self) -> None:
        if self._listener:
            self._listener.start()
        self._pause(self._rng.uniform(0, self._plan.every))
        while time.monotonic() < self._plan.until:
            self._waiting.append(self._take())
            if self._rng.random() < OUTAGES:
                self._ledger.note("outages")
                self._not_before = time.monotonic() + self._rng.uniform(*OUTAGE_SECONDS)
            self._send_waiting()
            self._pause(self._plan.every * self._rng.uniform(0.5, 1.5))
        if self._listener:
            # Half, so that there is time left to send.
            self._listener.join(max(0.0, self._plan.settled_by - time.monotonic()) / 2)
            self._ledger.note("commands heard", len(self._listener.seen))
        self._not_before = 0.0
        self._until_settled(self._send_all)
        self._until_settled(self._compare)
        self._line.close()

    def _until_settled(self, step: Callable[[], bool]) -> None:
        """Do it again until it is done, or it is too late for that."""
        while not step() and time.monotonic() < self._plan.settled_by:
            time.sleep(min(0.1, self._plan.every))

    def _take(self, trigger_id: Optional[str] = None) -> Shot:
        shot = take(self._rng, datetime.now(timezone.utc) + self._skew, trigger_id=trigger_id)
        self._ledger.take(self._key.device_id, shot)
        return shot

    def _take_for(self, trigger_id: str) -> None:
        self._waiting.append(self._take(trigger_id))
        self._news.set()

    def _pause(self, seconds: float) -> None:
        """Until the next picture is due; for a command it ends early."""
        due = time.monotonic() + seconds
        while (left := min(due, self._plan.until) - time.monotonic()) > 0:
            if self._news.wait(left):
                self._news.clear()
                self._send_waiting()

    def _send_waiting(self) -> None:
        """Newest first, as the real client does; the first that fails ends it for now."""
        while self._waiting and time.monotonic() >= self._not_before:
            shot = self._waiting.pop()
            if not self._send(shot):
                self._waiting.append(shot)

    def _send_all(self) -> bool:
        self._send_waiting()
        return not self._waiting

    def _compare(self) -> bool:
        if self._waiting:
            return False
        try:
            compare(self._line, self._key.device_id, self._received, self._refused, self._ledger)
        except Lost:
            self._ledger.note("lists lost")
            return False
        self.finished = True
        return True

    def _send(self, shot: Shot) -> bool:
        """Try once; return whether it is settled."""
        try:
            answer = attempt(self._line, shot, self._rng, self._ledger)
        except Lost:
            self._ledger.note("lines lost")
            answer = None
        if answer is None:
            self._not_before = time.monotonic() + self._rng.uniform(0, min(1.0, self._plan.every))
            return False
        return self._judge(shot, answer)

    def _judge(self, shot: Shot, answer: Answer) -> bool:
        if answer.status in (200, 201):
            self._accept(shot, answer)
            return True
        if answer.code == "captured_at_out_of_range":
            self._correct_clock(shot, answer)
            return False
        if shot.kind != "wrong key" and (answer.status >= 500 or answer.body.get("retryable") is True):
            self._ledger.note("asked to wait")
            self._not_before = time.monotonic() + answer.wait
            return False
        self._refused.add(shot.record_id)
        self._ledger.settle(shot, REFUSED, f"{answer.status} {answer.code}".strip())
        return True

    def _accept(self, shot: Shot, answer: Answer) -> None:
        name = f"{shot.record_id} of {self._key.device_id}"
        if answer.body.get("record_id") != shot.record_id:
            self._ledger.contradict(f"{name}: the receipt is for {answer.body.get('record_id')!r}")
        if shot.kind in ("damaged", "wrong key"):
            self._ledger.contradict(f"{name} ({shot.kind}) was taken in")
        self._received[shot.record_id] = shot
        self._ledger.settle(shot, ACKNOWLEDGED)
        if shot.kind == "again":
            send_again(self._line, shot, self._ledger)

    def _correct_clock(self, shot: Shot, answer: Answer) -> None:
        self._ledger.note("clocks corrected")
        told = parsedate_to_datetime(answer.headers["date"]).astimezone(timezone.utc)
        correction = told - (datetime.now(timezone.utc) + self._skew)
        self._skew += correction
        for late in [shot, *list(self._waiting)]:  # a copy at once: the listener may add to it
            late.captured_at += correction


def _some_skew(rng: random.Random) -> timedelta:
    """Most clocks are nearly right; some are hours off, a few live in another year."""
    fate = rng.random()
    if fate < 0.8:
        return timedelta(seconds=rng.uniform(-2, 2))
    if fate < 0.92:
        return timedelta(hours=rng.uniform(-20, 20))
    return timedelta(days=rng.choice([-400, -30, 3, 40]), seconds=rng.uniform(0, 60))
