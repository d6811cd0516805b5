"""A Visant server as a camera sees it: real HTTP on loopback, receipts, refusals and bad days."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Callable, Optional
from urllib.parse import parse_qs, urlsplit

from fake_answers import DEVICE, KEY, PORTAL, Answer, problem
from fake_api import Api
from fake_bucket import FakeBucket

__all__ = ["DEVICE", "KEY", "PORTAL", "Answer", "FakeServer", "problem"]


class FakeServer:
    """``attempts`` are record ids in the order they came; ``pictures`` what was received, bytes and headers.

    ``script`` holds answers for the next requests; ``judge`` may answer by record id; else a
    receipt is given.
    """

    def __init__(self) -> None:
        self.keys = {KEY}
        self.api = Api(self)
        self.bucket: Optional[FakeBucket] = None
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

    @property
    def is_up(self) -> bool:
        return self._http is not None

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        if self.bucket is not None and (answer := self.bucket.answer(path, headers, body)) is not None:
            return answer
        if not path.startswith("/v1/captures") or method != "POST":
            return self.api.answer(method, path, headers, body)
        record_id = headers.get("X-Visant-Record-Id") or parse_qs(urlsplit(path).query)["record_id"][0]
        # Who sees the attempt may set another judge; this one is for the next request.
        judge = self.judge
        self.attempts.append(record_id)
        if headers.get("Authorization", "")[7:] not in self.keys:
            return problem(401, retryable=False, keep_local=True)
        self.api.evidence(headers)
        prepared = self.script.pop(0) if self.script else judge(record_id)
        return prepared or self._receipt(record_id, headers, body)

    def _receipt(self, record_id: str, headers: dict[str, str], body: bytes) -> Answer:
        status = 200 if record_id in self.pictures else 201
        # Before anyone can see the picture, and give a command that this upload would not close.
        self.api.open.pop(headers.get("X-Visant-Trigger-Id", ""), None)
        self.pictures[record_id] = (body, headers)
        self.receipts.append((record_id, status))
        return Answer(status, {"record_id": record_id, "device_id": DEVICE, "image_stored": True})


def _handler(server: FakeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            self.connection.settimeout(5)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.reply(server.answer(self.command, self.path, dict(self.headers), body))

        do_PUT = do_POST  # noqa: N815 - as the library calls it

        def do_GET(self) -> None:
            if "/commands" in self.path and "wait=" not in self.path and server.api.streams:
                server.api.stream(self)
            else:
                self.do_POST()

        def reply(self, answer: Answer) -> None:
            data = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(data)
            # One request per connection, so that stopping the server really ends it.
            self.close_connection = True

        def date_time_string(self, timestamp: Optional[float] = None) -> str:
            return super().date_time_string(time.time() + server.api.clock_ahead)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    return Handler
