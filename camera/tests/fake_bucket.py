"""A bucket beside the server, for pictures that go there directly, and the doors that offer it."""

from __future__ import annotations

import email
import email.policy
import hashlib
import json
from typing import TYPE_CHECKING, Any, Optional

from fake_answers import Answer, problem

if TYPE_CHECKING:
    from fake_server import FakeServer


class FakeBucket:
    """``server.bucket = FakeBucket(server)``: it is offered. ``script``: answers to the next forms, then it works.

    ``offer`` and ``completion``: what is answered instead of an offer, or of a receipt.
    """

    def __init__(self, server: FakeServer) -> None:
        self.server = server
        self.script: list[Answer] = []
        self.offer: Optional[Answer] = None
        self.completion: Optional[Answer] = None
        self.begun: dict[str, dict[str, Any]] = {}
        self.objects: dict[str, bytes] = {}
        self.headers: list[dict[str, str]] = []
        server.api.configuration = {**server.api.configuration, "direct_upload": True}

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> Optional[Answer]:
        if path == "/bucket":
            return self._take(headers, body)
        if path == "/v1/captures/presign":
            return self.offer or self._begin(json.loads(body))
        if path.endswith("/complete"):
            return self.completion or self._complete(path.split("/")[3])
        return None

    def _begin(self, said: dict[str, Any]) -> Answer:
        name = f"upload-{len(self.begun)}"
        self.begun[name] = said
        form = {"key": name, "policy": "signed"}
        return Answer(201, {"id": name, "url": f"{self.server.url}/bucket", "form": form, "expires_at": ""})

    def _take(self, headers: dict[str, str], body: bytes) -> Answer:
        self.headers.append(headers)
        if self.script:
            return self.script.pop(0)
        text = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode() + body
        parts = email.message_from_bytes(text, policy=email.policy.HTTP).iter_parts()
        fields = {part.get_param("name", header="content-disposition"): part for part in parts}
        self.objects[fields["key"].get_payload()] = fields["file"].get_payload(decode=True)
        return Answer(204)

    def _complete(self, name: str) -> Answer:
        said, data = self.begun[name], self.objects.pop(name, None)
        if data is None or hashlib.sha256(data).hexdigest() != said["sha256"]:
            return problem(409, retryable=True, keep_local=True, code="upload_missing")
        self.server.pictures[said["record_id"]] = (data, {})
        return Answer(201, {"record_id": said["record_id"], "device_id": "d", "image_stored": True})
