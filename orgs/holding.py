"""Answers that go on after their request is over, as streams of events do.

A request that is answered by a thread of its own cannot wait for hours. So a view answers at once, and hands over
what is to be sent from then on. The server that can hold an answer open (``visant/asgi.py``) puts an
:class:`Offer` beside the request; nothing of this is a header, so no client can say or see any of it.
"""

from collections.abc import AsyncIterator
from typing import Protocol

from django.http import HttpRequest

# Where a2wsgi puts what the server said of the request, and where the offer lies in that.
SERVER_SAID = "asgi.scope"
OFFER = "visant.offer"


class Held(Protocol):
    """What an answer goes on with. It is closed when nobody reads it any more, and when the server ends."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    def close(self) -> None:
        """Let the iteration end soon. May be called from any thread, and more than once."""


class Offer:
    """The server's word that it will hold the answer to a request, if it is given what to go on with."""

    def __init__(self) -> None:
        self.held: Held | None = None


def can_hold(request: HttpRequest) -> bool:
    """Whether the answer to this request can go on; else it must be complete."""
    return request.method == "GET" and OFFER in request.META.get(SERVER_SAID, {})


def hold(request: HttpRequest, held: Held) -> None:
    """Go on with ``held`` once the answer was written, provided that it is a 200."""
    request.META[SERVER_SAID][OFFER].held = held
