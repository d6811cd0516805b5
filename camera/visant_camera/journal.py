"""Which triggers are settled, kept across restarts, so that none is carried out twice."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Optional

from visant_camera.disk import write_durably

KEPT = 500  # settled triggers; a server repeats those of a day at most
# After that a command of the same name is another one: the server forgets its own later than this.
HOLDS = 7 * 24 * 3600.0  # seconds


class Journal:
    """``trigger_id`` → "" when its picture arrived, else the sentence why there is none.

    A trigger is either unknown, or its picture is in the spool, or it stands here. It is noted before its picture
    leaves the spool, so a crash between the two only sends a picture again that the server has.
    """

    def __init__(self, state: Path) -> None:
        self._path = state / "triggers"
        self._guard = threading.Lock()
        self._settled = {trigger_id: (failure, at) for trigger_id, failure, at in _read(self._path)}
        self._lines = len(self._settled)
        self._shorten()

    def how(self, trigger_id: str) -> Optional[str]:
        """How it ended; None when it has not, or so long ago that the name may have been given anew."""
        with self._guard:
            failure, at = self._settled.get(trigger_id, (None, 0.0))
            return failure if time.time() - at < HOLDS else None

    def note(self, trigger_id: str, failure: str = "") -> None:
        """Settle a trigger, durably. Raises ``OSError``; until the end of the process it counts all the same."""
        at = time.time()
        with self._guard:
            self._settled.pop(trigger_id, None)
            self._settled[trigger_id] = (failure, at)
            with self._path.open("ab") as file:
                file.write(_line(trigger_id, failure, at))
                file.flush()
                os.fsync(file.fileno())
            self._lines += 1
            if self._lines > 2 * KEPT:
                self._shorten()

    def _shorten(self) -> None:
        for trigger_id in list(self._settled)[:-KEPT]:
            del self._settled[trigger_id]
        if self._lines or self._path.exists():
            lines = (_line(trigger_id, *settled) for trigger_id, settled in self._settled.items())
            write_durably(self._path, b"".join(lines))
        self._lines = len(self._settled)


def _line(trigger_id: str, failure: str, at: float) -> bytes:
    return json.dumps([trigger_id, failure, round(at)]).encode() + b"\n"


def _read(path: Path) -> list[tuple[str, str, float]]:
    """What stands there; a line that a crash cut in half is left out. Older versions wrote no moment: now."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    entries = []
    for line in lines:
        try:
            trigger_id, failure, *at = json.loads(line)
            entries.append((str(trigger_id), str(failure), float(at[0] if at else time.time())))
        except (ValueError, TypeError):
            continue
    return entries
