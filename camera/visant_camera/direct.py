"""Handing a picture in past the server: into the bucket where it keeps its pictures."""

from __future__ import annotations

import logging
import time
from typing import Any, Optional

import requests

from visant_camera.link import Link, json_object, read_body
from visant_camera.outcomes import Outcome, Received, SetAside
from visant_camera.receipts import read_answer
from visant_camera.records import Record

log = logging.getLogger(__name__)

REST = 600.0  # seconds in which the plain way is gone after this one failed


class DirectUpload:
    """Asks for a form, sends it to the bucket, and has the server look. Not for use by two threads at once.

    The bucket never sees the camera's key.
    """

    def __init__(self, link: Link, *, rest: float = REST) -> None:
        self._link, self._rest = link, rest
        self._bucket = requests.Session()
        # Else requests would look into ~/.netrc for a login to the bucket.
        self._bucket.auth = lambda request: request
        self._resumes_at = 0.0

    def hand_in(self, record: Record, data: bytes) -> Optional[Outcome]:
        """What became of it; None: nothing is decided, and the plain way is to be gone, now."""
        if time.monotonic() < self._resumes_at:
            return None
        try:
            return self._hand_in(record, data)
        except requests.RequestException as error:
            return self._give_up(type(error).__name__)

    def _hand_in(self, record: Record, data: bytes) -> Optional[Outcome]:
        status, answer, outcome = self._ask("/v1/captures/presign", record, json=_said(record))
        if status != 201:
            # It is there already, or the server has no time: all else the plain way says better.
            return outcome if status in (200, 429) or status >= 500 else self._give_up(f"presign: {status}")
        if not _is_offer(answer):
            return self._give_up("the answer is no offer")
        sent = self._bucket.post(
            answer["url"],
            data=answer["form"],
            files={"file": data},
            timeout=self._link.timeouts,
            allow_redirects=False,
        )
        if not 200 <= sent.status_code < 300:
            return self._give_up(f"the bucket answers {sent.status_code}")
        status, _, outcome = self._ask(f"/v1/captures/{answer['id']}/complete", record)
        if isinstance(outcome, (Received, SetAside)) or status in (401, 403, 429) or status >= 500:
            return outcome
        return self._give_up(f"complete: {status}")

    def _ask(self, path: str, record: Record, **more: Any) -> tuple[int, dict[str, Any], Outcome]:
        with self._link.request("POST", path, **more) as response:
            body = read_body(response)
            outcome = read_answer(response, body, record)
            if isinstance(outcome, (Received, SetAside)):
                self._link.confirmed(response)
            return response.status_code, json_object(body), outcome

    def _give_up(self, why: str) -> Optional[Outcome]:
        self._resumes_at = time.monotonic() + self._rest
        log.warning("not sent into the bucket (%s); sending to the server for %.0f min", why, self._rest / 60)
        return None


def _said(record: Record) -> dict[str, Any]:
    said = {
        "record_id": record.record_id,
        "captured_at": record.captured_at,
        "trigger_label": record.trigger_label,
        "trigger_id": record.trigger_id,
        "byte_size": record.size,
        "sha256": record.sha256,
        "content_type": record.content_type,
    }
    return {**said, "metadata": record.metadata} if record.metadata else said


def _is_offer(answer: dict[str, Any]) -> bool:
    form = answer.get("form")
    texts = [answer.get("id"), answer.get("url"), *(form.values() if isinstance(form, dict) else [None])]
    return all(isinstance(text, str) for text in texts)
