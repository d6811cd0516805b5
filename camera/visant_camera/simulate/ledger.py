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

    ``outcome`` is acknowledged, refused (``why`` is the code) or open: sent perhaps, and never answered.
    ``contradictions`` are answers that a right server cannot give.
    """

    def __init__(self, file: Optional[TextIO] = None) -> None:
        self.outcomes: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self.contradictions: list[str] = []
        self._file = file
        self._guard = threading.Lock()

    def note(self, event: str, count: int = 1) -> None:
        with self._guard:
            self.events[event] += count

    def contradict(self, sentence: str) -> None:
        with self._guard:
            self.contradictions.append(sentence)

    def settle(self, device_id: str, shot: Shot, outcome: str, why: str = "") -> None:
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
        with self._guard:
            self.outcomes[outcome] += 1
            if outcome == REFUSED:
                self.refusals[why] += 1
            if self._file is not None:
                self._file.write(json.dumps(line) + "\n")
                # At once, so that the ledger also tells the truth about a fleet that was killed.
                self._file.flush()
