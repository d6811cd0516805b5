"""A camera that listens, spoken by hand: what the server writes, frame by frame."""

import http.client
import json
import time
from types import TracebackType
from typing import Any

from tests.server import HOST, Camera

PATIENCE_SECONDS = 20.0


class Listener:
    """``with Listener(port, camera) as listener``: connected; :meth:`next` waits for an event or a command."""

    def __init__(self, port: int, camera: Camera, query: str = "", **headers: str) -> None:
        self.connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE_SECONDS)
        shown = {"Authorization": f"Bearer {camera.key}", **headers}
        self.connection.request("GET", f"/v1/devices/{camera.id}/commands{query}", headers=shown)
        self.answer = self.connection.getresponse()

    def __enter__(self) -> "Listener":
        assert self.answer.status == 200, self.answer.read()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()
        self.answer.close()

    def frame(self) -> bytes | None:
        """The next lines up to an empty one; None when the stream has ended cleanly, which raises otherwise."""
        frame = b""
        while not frame.endswith(b"\n\n"):
            line = self.answer.readline()
            if not line:
                assert not frame
                return None
            frame += line
        return frame

    def next(self, *, pings: bool = False) -> dict[str, Any] | None:
        """The next event or command, without pings unless they are wanted; None at the end."""
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            frame = self.frame()
            if frame is None:
                return None
            if not frame.startswith(b"data: "):
                continue
            data: dict[str, Any] = json.loads(frame[6:])
            if pings or data != {"event": "ping"}:
                return data
        raise AssertionError("Nothing came but pings.")
