"""A part of a file: ``Range`` requests (RFC 9110, section 14)."""

import re
from collections.abc import Iterator
from typing import IO, NamedTuple

BLOCK = 64 * 1024
_ONE_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class Span(NamedTuple):
    """From byte ``first`` to byte ``last``, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


class NotSatisfiable(Exception):
    """The file has not even the first byte of what was asked for."""


def parse_range(header: str, *, size: int) -> Span | None:
    """Return what is asked for; None for all of it: also for several ranges at once, and for what is no range.

    Raises :class:`NotSatisfiable`.
    """
    match = _ONE_RANGE.fullmatch(header.strip())
    if match is None or match.group() == "bytes=-":
        return None
    first, last = match.groups()
    if first == "":
        span = Span(max(0, size - int(last)), size - 1)
    else:
        if last and int(last) < int(first):
            return None
        span = Span(int(first), min(int(last), size - 1) if last else size - 1)
    if span.length < 1:
        raise NotSatisfiable
    return span


def read_span(file: IO[bytes], span: Span) -> Iterator[bytes]:
    """Yield the span's bytes, and close the file."""
    with file:
        file.seek(span.first)
        left = span.length
        while left and (block := file.read(min(BLOCK, left))):
            left -= len(block)
            yield block
