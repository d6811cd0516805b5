"""At the end: does the server have what it acknowledged, once and with the same bytes?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from visant_camera.simulate.ledger import Ledger
from visant_camera.simulate.line import Line, Lost
from visant_camera.simulate.pictures import Shot


def compare(line: Line, device_id: str, received: Mapping[str, Shot], refused: set[str], ledger: Ledger) -> None:
    """Ask for the camera's own pictures, and note in the ledger what is not as the receipts said.

    Raises ``Lost`` when the server does not list them; then nothing was noted.
    """
    if not received:
        return
    since = min(shot.captured_at for shot in received.values()).isoformat()
    found = list(_list(line, since))
    ledger.note("found", _compare_bytes(found, device_id, received, ledger))
    for sha256, count in Counter(row["sha256"] for row in found).items():
        if count > 1:
            ledger.contradict(f"a picture of {device_id} is there {count} times ({sha256})")
    for record_id in refused & {row["record_id"] for row in found}:
        ledger.contradict(f"{record_id} of {device_id} was refused and is there")


def _compare_bytes(
    found: Iterable[Mapping[str, Any]], device_id: str, received: Mapping[str, Shot], ledger: Ledger
) -> int:
    """Return how many pictures are as they were sent."""
    as_sent = 0
    sums = {str(row["record_id"]): row["sha256"] for row in found}
    for record_id, shot in received.items():
        if record_id not in sums:
            ledger.contradict(f"{record_id} of {device_id} was acknowledged and is missing")
        elif sums[record_id] != shot.sha256:
            ledger.contradict(f"{record_id} of {device_id} has other bytes than were sent")
        else:
            as_sent += 1
    return as_sent


def _list(line: Line, since: str) -> Iterator[Mapping[str, Any]]:
    query = {"from": since, "limit": "100"}
    while query:
        answer = line.get("/v1/captures", query)
        if answer.status != 200:
            raise Lost(f"{answer.status} {answer.code}")
        yield from answer.body["captures"]
        query = dict(parse_qsl(urlsplit(answer.body.get("next") or "").query))
