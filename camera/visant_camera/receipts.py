"""What the server's answer to a picture means."""

from __future__ import annotations

from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Optional

import requests

from visant_camera.link import json_object, problem_code
from visant_camera.outcomes import KeyRejected, Outcome, Received, SetAside, TryLater
from visant_camera.records import Record

LONGEST_RETRY_AFTER = 600.0  # seconds
# Request Timeout, Too Early, Too Many Requests: "again later" by their meaning in HTTP.
AGAIN_LATER = {408, 425, 429}
ABOUT_THE_SERVER = {429, 503}


def read_answer(response: requests.Response, body: bytes, record: Record) -> Outcome:
    """What the answer to handing in ``record`` means. Only the server's own receipt counts as received."""
    status, answer = response.status_code, json_object(body)
    if status in (200, 201):
        if answer.get("record_id") == record.record_id or (status == 200 and _is_of_same_picture(answer, record)):
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


def _is_of_same_picture(answer: dict[str, Any], record: Record) -> bool:
    """Whether it is the receipt that the same bytes of the same moment had before, under another name.

    Which camera it names is for the server to say, by the key; but a receipt names one.
    """
    if not all(isinstance(answer.get(name), str) for name in ("record_id", "device_id", "captured_at")):
        return False
    try:
        return _moment(answer["captured_at"]) == _moment(record.captured_at)
    except (ValueError, TypeError):
        return False


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


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
