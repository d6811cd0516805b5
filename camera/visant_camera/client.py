"""The protocol: one ``POST /v1/captures`` per picture, and what its answer means."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Optional
from urllib.parse import urlencode

import requests
from urllib3.exceptions import NewConnectionError

from visant_camera.link import Link, json_object, key_of, problem_code, read_body
from visant_camera.outcomes import KeyRejected, Outcome, Received, SetAside, TryLater
from visant_camera.records import Record

LONGEST_RETRY_AFTER = 600.0  # seconds
# Request Timeout, Too Early, Too Many Requests: "again later" by their meaning in HTTP.
AGAIN_LATER = {408, 425, 429}
ABOUT_THE_SERVER = {429, 503}


class Client:
    """Hands pictures in over a link. Not for use by two threads at once, no more than the link is."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def hand_in(self, record: Record, data: bytes) -> Outcome:
        """Send one picture once. Never raises for anything the network or the server does."""
        headers, query = _told(record)
        path = "/v1/captures" + (f"?{urlencode(query)}" if query else "")
        try:
            with self._link.request("POST", path, data=data, headers=headers) as response:
                outcome = read_answer(response, read_body(response), record.record_id)
                if isinstance(outcome, (Received, SetAside)):
                    self._link.confirmed(response)
                if isinstance(outcome, KeyRejected) and response.status_code == 401 and outcome.code:
                    return self._with_older_key(response, outcome)
                return outcome
        except requests.RequestException as error:
            return TryLater(sentence(error), about_server=_never_connected(error))

    def _with_older_key(self, response: requests.Response, outcome: KeyRejected) -> Outcome:
        """A key that was changed meanwhile, or a new one that does not work: the other one is tried at once."""
        if self._link.keys.rejected(key_of(response)):
            return TryLater(outcome.why, about_server=True, after=0.0)
        return outcome


def read_answer(response: requests.Response, body: bytes, record_id: str) -> Outcome:
    """What the answer to handing in ``record_id`` means. Only the server's own receipt counts as received."""
    status, answer = response.status_code, json_object(body)
    if status in (200, 201):
        if answer.get("record_id") == record_id:
            return Received(answer)
        return TryLater(
            f"the answer {status} is not a receipt; is there a log-in page between?", about_server=True
        )
    why = f"{status}: {answer.get('detail') or answer.get('title') or response.reason}"
    if status in (401, 403):
        return KeyRejected(why, code=problem_code(answer))
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


def _told(record: Record) -> tuple[dict[str, str], dict[str, str]]:
    """Headers and query of a hand-in: what a header cannot carry (anything but ASCII) goes into the query."""
    digest = base64.b64encode(bytes.fromhex(record.sha256)).decode()
    # RFC 9530: the server compares what came with what was taken.
    headers = {"Content-Type": record.content_type, "Content-Digest": f"sha-256=:{digest}:"}
    query = {}
    fields = {
        "record_id": record.record_id,
        "captured_at": record.captured_at,
        "trigger_label": record.trigger_label,
        "trigger_id": record.trigger_id,
    }
    for name, value in fields.items():
        if value.isascii() and value.isprintable() and value == value.strip():
            if value:
                headers[f"X-Visant-{name.replace('_', '-').title()}"] = value
        else:
            query[name] = value
    if record.metadata:
        headers["X-Visant-Metadata"] = json.dumps(record.metadata, ensure_ascii=True)
    return headers, query


def _never_connected(error: requests.RequestException) -> bool:
    reason = getattr(error.args[0], "reason", None) if error.args else None
    unreachable = (requests.ConnectTimeout, requests.exceptions.SSLError, requests.exceptions.ProxyError)
    return isinstance(error, unreachable) or isinstance(reason, NewConnectionError)


def sentence(error: requests.RequestException) -> str:
    """What went wrong, without the address."""
    if isinstance(error, requests.Timeout):
        return "the server did not answer in time"
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return f"no connection ({str(reason or error).rpartition(': ')[2]})"
