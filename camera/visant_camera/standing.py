"""How an answer that is no yes is taken by those who ask without end."""

from __future__ import annotations

from typing import Optional

import requests

from visant_camera.backoff import Backoff
from visant_camera.link import Link, json_object, key_of, problem_code, read_body
from visant_camera.receipts import retry_after
from visant_camera.sender import KEY_RETRY, OUT_OF_SERVICE, OUT_OF_SERVICE_RETRY

UNKNOWN_PATH_RETRY = 600.0  # seconds; a server of an older version does not know what is asked


def wait_after(link: Link, response: requests.Response, backoff: Backoff) -> tuple[float, str]:
    """Seconds until it is asked again, and why in a few words. Reads the body."""
    status, answer = response.status_code, json_object(read_body(response))
    code = problem_code(answer)
    why = f"{status}: {answer.get('detail') or response.reason}"
    if code:
        link.confirmed(response)
    if code in OUT_OF_SERVICE:
        return OUT_OF_SERVICE_RETRY, why
    if status == 401:
        return (0.5 if code and link.keys.rejected(key_of(response)) else KEY_RETRY), why
    if status == 403:
        return KEY_RETRY, why
    if status in (405, 501) or (status == 404 and code):  # another 404 may be a proxy's, while the server restarts
        return UNKNOWN_PATH_RETRY, why
    asked: Optional[float] = retry_after(response.headers.get("Retry-After"))
    return (backoff.next() if asked is None else asked + backoff.next()), why
