"""A simulated camera listens for commands, by long polling."""

from __future__ import annotations

import threading
import time
from typing import Callable

from visant_camera.simulate.line import Line, Lost

WAIT = 10.0  # seconds the server may hold one question
SLACK = 20.0  # seconds its answer may take beyond that


class Listener(threading.Thread):
    """Calls ``on_command`` with each trigger id, once, from its own thread; ends at ``until`` (monotonic)."""

    def __init__(self, url: str, key: tuple[str, str], *, on_command: Callable[[str], None], until: float) -> None:
        super().__init__(name=f"listener {key[0]}", daemon=True)
        self.seen: set[str] = set()
        self._line = Line(url, key[1])
        self._path = f"/v1/devices/{key[0]}/commands"
        self._on_command = on_command
        self._until = until

    def run(self) -> None:
        while (left := self._until - time.monotonic()) > 0:
            wait = max(1, round(min(WAIT, left)))
            try:
                answer = self._line.get(self._path, {"wait": str(wait)}, timeout=wait + SLACK)
            except Lost:
                self._rest(0.5)
                continue
            if answer.status != 200:
                self._rest(answer.wait)
                continue
            for command in answer.body.get("commands", []):
                trigger_id = str(command["trigger_id"])
                if command.get("cmd") == "capture" and trigger_id not in self.seen:
                    self.seen.add(trigger_id)
                    self._on_command(trigger_id)
        self._line.close()

    def _rest(self, seconds: float) -> None:
        time.sleep(max(0.0, min(seconds, self._until - time.monotonic())))
