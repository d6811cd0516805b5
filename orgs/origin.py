"""Where the work at hand comes from: the address and the request it was asked by, for the log and the audit."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """``ip`` is the caller's address or None, ``request_id`` names the request; both empty in commands."""

    ip: str | None = None
    request_id: str = ""


_origin: ContextVar[Origin] = ContextVar("origin", default=Origin())  # noqa: B039 - it is frozen


def current() -> Origin:
    return _origin.get()


@contextmanager
def coming_from(*, ip: str | None, request_id: str) -> Iterator[None]:
    token = _origin.set(Origin(ip, request_id))
    try:
        yield
    finally:
        _origin.reset(token)
