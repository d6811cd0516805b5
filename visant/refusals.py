"""What the server itself says no to, before a request reaches Django: in the same words as all other refusals."""

import logging
from collections.abc import Awaitable, Callable

from django.http import HttpResponse

from orgs import origin
from orgs.ids import uuid7
from visant.bodies import Message
from visant.errors import problem

logger = logging.getLogger(__name__)

Send = Callable[[Message], Awaitable[None]]


def body_too_slow() -> HttpResponse:
    return _send_again(408, "body_too_slow", "The body came too slowly; send it again.")


def no_thread() -> HttpResponse:
    return _send_again(503, "too_many_bodies", "Too many large bodies come at once; send it again.")


def _send_again(status: int, code: str, detail: str) -> HttpResponse:
    with origin.coming_from(ip=None, request_id=uuid7().hex):
        logger.info("%d: %s", status, detail)
        answer = problem(status, code, detail, retryable=True, keep_local=True)
        answer["X-Request-ID"] = origin.current().request_id
        return answer


async def refuse(send: Send, answer: HttpResponse) -> None:
    """Send it, and end the connection: what is left of the body would be taken for the next request."""
    headers = [(name.lower().encode(), value.encode()) for name, value in answer.items()]
    headers += [(b"content-length", str(len(answer.content)).encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": answer.content})
