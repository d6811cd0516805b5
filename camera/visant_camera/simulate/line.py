"""A camera's line to the server, which can be cut wherever one likes."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional
from urllib.parse import urlencode, urlsplit

from visant_camera import __version__
from visant_camera.receipts import retry_after

TIMEOUT = 30.0  # seconds of silence


class Lost(Exception):
    """The line broke; nobody knows what the server made of it."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """``broken_picture``, from the problem's type; "" in an answer that is none of Visant's."""
        kind = str(self.body.get("type", ""))
        return kind.rpartition(":")[2] if kind.startswith("urn:visant:problem:") else ""

    @property
    def wait(self) -> float:
        """Seconds by ``Retry-After``, at most some; a simulation has no ten minutes."""
        return min(retry_after(self.headers.get("retry-after")) or 1.0, 5.0)


class Line:
    """For one thread. A broken connection is made anew by the next request."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(str(parts.hostname), parts.port, timeout=TIMEOUT)
        self._base = parts.path.rstrip("/")
        self._url, self._key = url, key

    def another(self) -> Line:
        """A second line of the same camera."""
        return Line(self._url, self._key)

    def close(self) -> None:
        self._connection.close()

    def post(self, path: str, body: bytes, headers: Mapping[str, str], *, key: Optional[str] = None) -> Answer:
        with self._breaking():
            self._begin(path, len(body), headers, key=key)
            self._connection.send(body)
            return self._answer()

    def hang_up_during(self, path: str, body: bytes, headers: Mapping[str, str], *, part: float) -> None:
        """Send ``part`` (0–1) of the body and go; with 1.0 all of it, without waiting for the answer."""
        with self._breaking():
            self._begin(path, len(body), headers)
            self._connection.send(body[: round(len(body) * part)])
        self._connection.close()

    def post_half(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Announce the whole body, send half of it, say that this was all, and hear what the server thinks."""
        with self._breaking():
            self._begin(path, len(body), headers)
            self._connection.send(body[: len(body) // 2])
            self._connection.sock.shutdown(1)  # no more from us; we still read
            try:
                return self._answer()
            finally:
                self._connection.close()

    def get(self, path: str, query: Mapping[str, str], *, timeout: float = TIMEOUT) -> Answer:
        with self._breaking():
            self._connection.timeout = timeout
            target = f"{self._base}{path}?{urlencode(query)}"
            self._connection.request("GET", target, headers=self._identity(self._key))
            return self._answer()

    def _begin(self, path: str, length: int, headers: Mapping[str, str], *, key: Optional[str] = None) -> None:
        self._connection.putrequest("POST", self._base + path)
        for name, value in {**self._identity(key or self._key), **headers}.items():
            self._connection.putheader(name, value)
        self._connection.putheader("Content-Length", str(length))
        self._connection.endheaders()

    def _identity(self, key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {key}", "User-Agent": f"visant-camera-simulate/{__version__}"}

    def _answer(self) -> Answer:
        response = self._connection.getresponse()
        data = response.read()
        try:
            body = json.loads(data)
        except ValueError:
            body = {}
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, body if isinstance(body, dict) else {}, headers)

    @contextlib.contextmanager
    def _breaking(self) -> Iterator[None]:
        try:
            yield
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Lost(type(error).__name__) from error
