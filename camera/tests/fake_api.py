"""What a camera is told and asked by a Visant server, beside its pictures."""

from __future__ import annotations

import hashlib
import json
import re
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Optional
from urllib.parse import parse_qs, unquote, urlsplit

from fake_answers import DEVICE, KEY, Answer, problem

if TYPE_CHECKING:
    from fake_server import FakeServer


class Api:
    """``open`` commands come with each connection until an upload or an acknowledgement closes them.

    ``streams`` False: the server gives commands by polling alone; ``holds_back`` True: something between holds
    every stream back. ``rotation``: the key that waits to replace the one in use.
    """

    def __init__(self, server: FakeServer) -> None:
        self.server = server
        self.open: dict[str, dict[str, Any]] = {}
        self.raw: list[bytes] = []  # written to the next stream as it is
        self.acknowledged: list[tuple[str, dict[str, Any]]] = []
        self.configuration: dict[str, Any] = {"version": 1, "schedules": []}
        self.rotation = ""
        self.ended: list[str] = []  # keys whose end was brought about by the use of their successor
        self.answers_to_config: list[int] = []
        self.reports: list[dict[str, Any]] = []
        self.heartbeats: list[dict[str, Any]] = []
        self.claims: list[dict[str, Any]] = []
        self.claim_script: list[Answer] = []
        self.refusal: Optional[Answer] = None
        self.streams = True
        self.holds_back = False
        self.ping = 0.2
        self.listening = 0
        self.connections: list[str] = []
        self.clock_ahead = 0.0

    def command(self, trigger_id: str, **more: Any) -> None:
        self.open[trigger_id] = {"cmd": "capture", "trigger_id": trigger_id, "type": "manual", **more}

    def evidence(self, headers: dict[str, str]) -> None:
        if self.rotation and headers.get("Authorization") == f"Bearer {self.rotation}":
            self.ended += sorted(self.server.keys - {self.rotation})
            self.server.keys, self.rotation = {self.rotation}, ""

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        parts = urlsplit(path)
        sent = json.loads(body) if body else {}
        if parts.path == "/v1/units/claim":
            self.claims.append(sent)
            return self.claim_script.pop(0)
        if headers.get("Authorization", "")[7:] not in self.server.keys:
            return problem(401, retryable=False, keep_local=True, code="key_unknown")
        if self.refusal is not None:
            return self.refusal
        self.evidence(headers)
        if parts.path == "/v1/captures":
            return Answer(200, {"captures": [], "next": None})
        known = re.fullmatch(rf"/v1/devices/{DEVICE}/(.+)", parts.path)
        if known is None:
            return problem(404, retryable=False, keep_local=True, code="device_not_found")
        return self._of_device(method, known.group(1), headers, sent, parse_qs(parts.query))

    def _of_device(
        self, method: str, what: str, headers: dict[str, str], sent: dict[str, Any], query: dict[str, list[str]]
    ) -> Answer:
        if what == "heartbeat":
            self.heartbeats.append(sent)
            return Answer(204)
        if what == "config" and method == "PUT":
            self.reports.append(sent)
            return Answer(200, sent)
        if what == "config":
            return self._config(headers)
        if what == "commands":
            return self._poll(float(query["wait"][0])) if "wait" in query else Answer(500)
        trigger_id = unquote(what.split("/")[1])
        known = self.open.pop(trigger_id, None)
        self.acknowledged.append((trigger_id, sent))
        if known is None:
            return problem(404, retryable=False, keep_local=True, code="command_not_found")
        return Answer(200, {"trigger_id": trigger_id, "status": sent.get("status", "done")})

    def _config(self, headers: dict[str, str]) -> Answer:
        told = dict(self.configuration)
        if self.rotation:
            told["key"] = {"text": self.rotation, "replaces": KEY[:12]}
        etag = f'"{hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]}"'
        status = 304 if headers.get("If-None-Match") == etag else 200
        self.answers_to_config.append(status)
        return Answer(status, b"" if status == 304 else told, {"ETag": etag})

    def _poll(self, seconds: float) -> Answer:
        self.connections.append("poll")
        until = time.monotonic() + min(seconds, 0.5)
        while not self.open and time.monotonic() < until and self.server.is_up:
            time.sleep(0.02)
        return Answer(200, {"commands": list(self.open.values())})

    def stream(self, handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        if handler.headers.get("Authorization", "")[7:] not in self.server.keys or self.refusal:
            answer = self.refusal or problem(401, retryable=False, keep_local=True, code="key_unknown")
            handler.reply(answer)  # type: ignore[attr-defined]
            return
        self.connections.append("stream")
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        self.listening += 1
        try:
            self._write_events(handler)
        except OSError:
            pass
        finally:
            self.listening -= 1

    def _write_events(self, handler: BaseHTTPRequestHandler) -> None:
        sent: set[str] = set()
        version, pinged = None, 0.0
        if not self.holds_back:
            handler.wfile.write(_frame({"event": "connected"}))
        while self.server.is_up and self.streams:
            if self.holds_back:
                time.sleep(0.02)
                continue
            while self.raw:
                handler.wfile.write(self.raw.pop(0))
            for trigger_id, command in list(self.open.items()):
                if trigger_id not in sent:
                    sent.add(trigger_id)
                    handler.wfile.write(_frame(command))
            told = (self.configuration["version"], self.rotation)
            if told != version:
                version = told
                handler.wfile.write(_frame({"event": "config", "version": self.configuration["version"]}))
            if time.monotonic() > pinged + self.ping:
                pinged = time.monotonic()
                handler.wfile.write(_frame({"event": "ping"}))
            time.sleep(0.01)


def _frame(event: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(event)}\n\n".encode()
