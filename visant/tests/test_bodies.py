"""How long a client that sends slowly is waited for."""

import asyncio
from typing import Any

import pytest

from visant import bodies
from visant.bodies import Body, BodyTooSlow, Room


def test_what_was_sent_fast_buys_no_longer_silence(monkeypatch):
    monkeypatch.setattr(bodies, "PATIENCE_SECONDS", 0.1)
    sent = iter([b"x" * 2**20])

    async def receive() -> dict[str, Any]:
        part = next(sent, None)
        if part is None:
            await asyncio.sleep(60)
        return {"type": "http.request", "body": part, "more_body": True}

    async def keep() -> None:
        async with asyncio.timeout(5):
            await Body(receive, Room()).keep(small=False)

    with pytest.raises(BodyTooSlow):
        asyncio.run(keep())
