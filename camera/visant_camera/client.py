"""The protocol: one ``POST /v1/captures`` per picture, and what its answer means."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Callable, Optional

import requests
from urllib3.exceptions import NewConnectionError

from visant_camera import __version__
from visant_camera.outcomes import KeyRejected, Outcome, Received, SetAside, TryLater
from visant_camera.records import Record

TIMEOUTS = (10.0, 30.0)  # seconds: to connect, and for each silence after that
MAX_ANSWER = 256 * 1024  # bytes; a receipt is under one kilobyte
LONGEST_RETRY_AFTER = 600.0  # seconds
# Request Timeout, Too Early, Too Many Requests: "again later" by their meaning in HTTP.
AGAIN_LATER = {408, 425, 429}
ABOUT_THE_SERVER = {429, 503}


class Client:
    """Hands pictures in under one key. Not for use by two threads at once."""

    def __init__(self, url: str, key: str, *, timeouts: tuple[float, float] = TIMEOUTS) -> None:
        self._address = url.rstrip("/") + "/v1/captures"
        self._timeouts = timeouts
        self._session = requests.Session()
        # As ``auth`` and not as a header, because requests lets ~/.netrc overrule a header.
        self._session.auth = _bearer(key)
        self._session.headers["User-Agent"] = f"visant-camera/{__version__}"

    def hand_in(self, record: Record, data: bytes) -> Outcome:
        """Send one picture once. Never raises for anything the network or the server does."""
        try:
            # Redirects are not followed: a POST that became a GET elsewhere is no hand-in.
            with self._session.post(
                self._address,
                data=data,
                headers=_headers(record),
                timeout=self._timeouts,
                allow_redirects=False,
                stream=True,
            ) as response:
                return read_answer(response, _body(response), record.record_id)
        except requests.RequestException as error:
            return TryLater(_sentence(error), about_server=_never_connected(error))


def read_answer(response: requests.Response, body: bytes, record_id: str) -> Outcome:
    """What the answer to handing in ``record_id`` means. Only the server's own receipt counts as received."""
    status, answer = response.status_code, _json_object(body)
    if status in (200, 201):
        if answer.get("record_id") == record_id:
            return Received(answer)
        return TryLater(
            f"the answer {status} is not a receipt; is there a log-in page between?", about_server=True
        )
    why = f"{status}: {answer.get('detail') or answer.get('title') or response.reason}"
    if status in (401, 403):
        return KeyRejected(why)
    if status >= 500 or status in AGAIN_LATER or answer.get("retryable") is True:
        after = retry_after(response.headers.get("Retry-After"))
        return TryLater(why, about_server=status in ABOUT_THE_SERVER or after is not None, after=after)
    if 400 <= status < 500 and isinstance(answer.get("keep_local"), bool):
        return SetAside(why, keep=answer["keep_local"], answer=answer)
    if status == 413:
        # A proxy's size limit, in the proxy's own words: again would be the same.
        return SetAside(why, keep=True, answer=answer)
    # Not in the server's words (a redirect, a proxy's 404 while it restarts): nothing is decided.
    return TryLater(f"unexpected answer {why}", about_server=status < 400)


def retry_after(value: Optional[str]) -> Optional[float]:
    """Seconds to wait by ``Retry-After`` (seconds or HTTP date), at most ten minutes; None if unreadable."""
    if not value:
        return None
    try:
        seconds = float(value) if value.strip().isdigit() else _seconds_until(value)
    except (TypeError, ValueError):
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def _seconds_until(http_date: str) -> float:
    moment = parsedate_to_datetime(http_date)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return (moment - datetime.now(timezone.utc)).total_seconds()


def _headers(record: Record) -> dict[str, str]:
    headers = {
        "Content-Type": record.content_type,
        "X-Visant-Record-Id": record.record_id,
        "X-Visant-Captured-At": record.captured_at,
        "X-Visant-Trigger-Label": record.trigger_label,
    }
    if record.metadata:
        headers["X-Visant-Metadata"] = json.dumps(record.metadata, ensure_ascii=True)
    return headers


def _bearer(key: str) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    def authorize(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {key}"
        return request

    return authorize


def _body(response: requests.Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_content(16 * 1024):
        body += chunk
        if len(body) > MAX_ANSWER:
            break
    return bytes(body)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):  # the second by a hostile answer of many brackets
        return {}
    return answer if isinstance(answer, dict) else {}


def _never_connected(error: requests.RequestException) -> bool:
    reason = getattr(error.args[0], "reason", None) if error.args else None
    unreachable = (requests.ConnectTimeout, requests.exceptions.SSLError, requests.exceptions.ProxyError)
    return isinstance(error, unreachable) or isinstance(reason, NewConnectionError)


def _sentence(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return "the server did not answer in time"
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return f"no connection ({str(reason or error).rpartition(': ')[2]})"
