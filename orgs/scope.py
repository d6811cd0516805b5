"""The second wall: whose rows this piece of work may see.

PostgreSQL shows a connection only the rows of the organization it was told (``orgs/policies.py``,
``orgs/postgresql/``). What it is told stands here: nothing at first, one organization once the caller is
identified, everything where work across organizations says so with its reason. On SQLite nobody asks.
"""

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar, cast

from django.http import FileResponse, HttpResponseBase, StreamingHttpResponse

T = TypeVar("T")

# What a connection is told: the id of an organization, or one of these.
NOTHING = ""
EVERYTHING = "*"

_scope: ContextVar[str] = ContextVar("scope", default=NOTHING)


def current() -> str:
    """Return what may be seen now, in the words a connection is told."""
    return _scope.get()


def enter(org_id: uuid.UUID) -> None:
    """From here on see one organization's rows, until the block or the request around this ends."""
    _scope.set(str(org_id))


def enter_all(reason: str) -> None:
    """The same for the rows of all organizations. ``reason`` is for whoever reads the code."""
    _scope.set(EVERYTHING)


@contextmanager
def within(org_id: uuid.UUID) -> Iterator[None]:
    """See one organization's rows inside the block."""
    with _told(str(org_id)):
        yield


@contextmanager
def across_organizations(reason: str) -> Iterator[None]:
    """See the rows of all organizations inside the block. ``reason`` is for whoever reads the code."""
    with _told(EVERYTHING):
        yield


@contextmanager
def nothing() -> Iterator[None]:
    """See no organization's rows inside the block, until somebody is identified in it."""
    with _told(NOTHING):
        yield


def keep_for_stream(response: HttpResponseBase) -> None:
    """Let what ``response`` streams see what may be seen now: it is made after the block around this ended."""
    if not isinstance(response, StreamingHttpResponse) or isinstance(response, FileResponse) or response.is_async:
        return
    response.streaming_content = _kept(_scope.get(), cast(Iterator[bytes], response.streaming_content))


def _kept(scope: str, items: Iterable[T]) -> Iterator[T]:
    """Make each of ``items`` under ``scope``, which does not hold for whoever takes them."""
    iterator = iter(items)
    while True:
        with _told(scope):
            try:
                item = next(iterator)
            except StopIteration:
                return
        yield item


@contextmanager
def _told(scope: str) -> Iterator[None]:
    token = _scope.set(scope)
    try:
        yield
    finally:
        _scope.reset(token)
