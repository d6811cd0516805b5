"""The protocol: one ``POST /v1/captures`` per picture, and what its answer means."""

from __future__ import annotations

import base64
import json
from typing import Callable
from urllib.parse import urlencode

import requests
from urllib3.exceptions import NewConnectionError

from visant_camera.direct import DirectUpload
from visant_camera.link import Link, key_of, read_body
from visant_camera.outcomes import KeyRejected, Outcome, Received, SetAside, TryLater
from visant_camera.receipts import read_answer
from visant_camera.records import Record


class Client:
    """Hands pictures in over a link. Not for use by two threads at once, no more than the link is."""

    def __init__(self, link: Link, *, direct: Callable[[], bool] = lambda: False) -> None:
        """``direct`` tells whether the server offers to take pictures into its bucket."""
        self._link = link
        self._is_direct = direct
        self._direct = DirectUpload(link)

    def hand_in(self, record: Record, data: bytes) -> Outcome:
        """Send one picture once. Never raises for anything the network or the server does."""
        if self._is_direct() and (outcome := self._direct.hand_in(record, data)) is not None:
            return outcome
        return self._hand_in_plainly(record, data)

    def _hand_in_plainly(self, record: Record, data: bytes) -> Outcome:
        headers, query = _told(record)
        path = "/v1/captures" + (f"?{urlencode(query)}" if query else "")
        try:
            with self._link.request("POST", path, data=data, headers=headers) as response:
                outcome = read_answer(response, read_body(response), record)
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
