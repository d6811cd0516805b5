"""A Visant server as a camera sees it: real HTTP on loopback, receipts, refusals and bad days."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Optional, Union

KEY = "vis_dev_test_0123456789"


@dataclass
class Answer:
    status: int
    body: Union[dict[str, Any], bytes] = b""
    headers: dict[str, str] = field(default_factory=dict)


def problem(status: int, *, retryable: bool, keep_local: bool, **headers: str) -> Answer:
    body = {"type": "about:blank", "title": "No", "status": status, "detail": f"Problem {status}."}
    body.update(retryable=retryable, keep_local=keep_local)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, body, {"Content-Type": "application/problem+json", **names})


PORTAL = Answer(200, b"<html>Welcome to the hotel. Please log in.</html>", {"Content-Type": "text/html"})


class FakeServer:
    """``attempts`` are record ids in the order they came; ``pictures`` what was received, bytes and headers.

    ``script`` holds answers for the next requests; ``judge`` may answer by record id; else a
    receipt is given.
    """

    def __init__(self) -> None:
        self.attempts: list[str] = []
        self.pictures: dict[str, tuple[bytes, dict[str, str]]] = {}
        self.receipts: list[tuple[str, int]] = []
        self.script: list[Answer] = []
        self.judge: Callable[[str], Optional[Answer]] = lambda record_id: None
        self._http: Optional[ThreadingHTTPServer] = None
        self._port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        self._http = ThreadingHTTPServer(("127.0.0.1", self._port), _handler(self))
        self._port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Connections are refused from here on, until ``start``."""
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()
            self._http = None

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        record_id = headers["X-Visant-Record-Id"]
        self.attempts.append(record_id)
        if path != "/v1/captures" or headers.get("Authorization") != f"Bearer {KEY}":
            return problem(401, retryable=False, keep_local=True)
        prepared = self.script.pop(0) if self.script else self.judge(record_id)
        return prepared or self._receipt(record_id, headers, body)

    def _receipt(self, record_id: str, headers: dict[str, str], body: bytes) -> Answer:
        status = 200 if record_id in self.pictures else 201
        self.pictures[record_id] = (body, headers)
        self.receipts.append((record_id, status))
        return Answer(status, {"record_id": record_id, "evaluation_status": "pending", "image_stored": True})


def _handler(server: FakeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            self.connection.settimeout(5)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = server.answer(self.path, dict(self.headers), body)
            data = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            # One request per connection, so that stopping the server really ends it.
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    return Handler
