"""One session of HTTP with the server, for one thread."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Optional, Union

import requests

from visant_camera import __version__
from visant_camera.clock import Clock
from visant_camera.keys import KeyRing

TIMEOUTS = (10.0, 30.0)  # seconds: to connect, and for each silence after that
MAX_ANSWER = 256 * 1024  # bytes; a receipt is under one kilobyte


class Link:
    """Speaks under the key in use. Not for use by two threads at once."""

    def __init__(
        self,
        url: str,
        key: Union[str, KeyRing],
        *,
        clock: Optional[Clock] = None,
        timeouts: tuple[float, float] = TIMEOUTS,
    ) -> None:
        self.keys = KeyRing(key) if isinstance(key, str) else key
        self._url = url.rstrip("/")
        self._clock = clock or Clock()
        self.timeouts = timeouts
        self._session = requests.Session()
        # As ``auth`` and not as a header, because requests lets ~/.netrc overrule a header.
        self._session.auth = self._authorize
        self._session.headers["User-Agent"] = f"visant-camera/{__version__}"

    def request(self, method: str, path: str, **more: Any) -> requests.Response:
        """The answer with its body unread. Raises ``requests.RequestException``."""
        more.setdefault("timeout", self.timeouts)
        # Redirects are not followed: a POST that became a GET elsewhere is no hand-in.
        return self._session.request(method, self._url + path, allow_redirects=False, stream=True, **more)

    def confirmed(self, response: requests.Response) -> None:
        """This answer is the server's own: its time counts, and if it is a yes, the key works."""
        if "Age" not in response.headers:  # else it is from a cache, and so is its Date
            self._clock.heard(response.headers.get("Date"), ago=response.elapsed / 2)
        if response.status_code < 400:
            self.keys.worked(key_of(response))

    def close(self) -> None:
        self._session.close()

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.keys.current}"
        return request


def key_of(response: requests.Response) -> str:
    """The key this was the answer to."""
    return str(response.request.headers.get("Authorization", "")).partition(" ")[2]


def read_body(response: requests.Response) -> bytes:
    """The body of an answer; of one longer than 256 KB only the beginning, within one chunk (16 KB) of that."""
    body = bytearray()
    for chunk in response.iter_content(16 * 1024):
        body += chunk
        if len(body) > MAX_ANSWER:
            break
    return bytes(body)


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object in ``body``, or an empty one when it is anything else."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):  # the second by a hostile answer of many brackets
        return {}
    return answer if isinstance(answer, dict) else {}


def problem_code(answer: Mapping[str, Any]) -> str:
    """The stable word of a problem in the server's own words, or ""."""
    kind = answer.get("type")
    return kind.rpartition(":")[2] if isinstance(kind, str) and kind.startswith("urn:visant:problem:") else ""
