"""What became of every picture, as the cameras know it: written down the moment they know."""

from __future__ import annotations

import json
import threading
from collections import Counter
from typing import Optional, TextIO

from visant_camera.simulate.pictures import Shot

ACKNOWLEDGED, REFUSED, OPEN = "acknowledged", "refused", "open"


class Ledger:
    """Shared by all cameras. One JSON line for each picture in ``file``, if there is one.

    ``outcome`` is acknowledged, refused (``why`` is the code) or open: sent perhaps, and not answered in time.
    ``contradictions`` are answers that a right server cannot give.
    """

    def __init__(self, file: Optional[TextIO] = None) -> None:
        self.outcomes: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self.contradictions: list[str] = []
        self._open: dict[int, tuple[str, Shot]] = {}
        self._closed = False
        self._file = file
        self._guard = threading.Lock()

    def note(self, event: str, count: int = 1) -> None:
        with self._guard:
            self.events[event] += 0 if self._closed else count

    def contradict(self, sentence: str) -> None:
        with self._guard:
            if not self._closed:
                self.contradictions.append(sentence)

    def take(self, device_id: str, shot: Shot) -> None:
        """There is another picture; what becomes of it is open until it is settled."""
        with self._guard:
            if not self._closed:
                self.events["pictures"] += 1
                self._open[id(shot)] = (device_id, shot)

    def settle(self, shot: Shot, outcome: str, why: str = "") -> None:
        with self._guard:
            if not self._closed:
                device_id, _ = self._open.pop(id(shot))
                self._write(device_id, shot, outcome, why)

    def close(self) -> None:
        """What is not settled by now is open; whatever threads still say is not heard any more."""
        with self._guard:
            self._closed = True
            for device_id, shot in self._open.values():
                self._write(device_id, shot, OPEN, "")

    def _write(self, device_id: str, shot: Shot, outcome: str, why: str) -> None:
        self.outcomes[outcome] += 1
        if outcome == REFUSED:
            self.refusals[why] += 1
        if self._file is None:
            return
        line = {
            "device_id": device_id,
            "record_id": shot.record_id,
            "sha256": shot.sha256,
            "size": len(shot.data),
            "captured_at": shot.captured_at.isoformat(),
            "kind": shot.kind,
            "outcome": outcome,
            "why": why,
        }
        self._file.write(json.dumps(line) + "\n")
        # At once, so that the ledger also tells the truth about a fleet that was killed.
        self._file.flush()
