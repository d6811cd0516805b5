"""Server-sent events, read by hand: the WHATWG's rules as far as ``data`` goes."""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST = 64 * 1024  # bytes of one event; a command is under one kilobyte
END_OF_LINE = re.compile(rb"\r\n|\n|\r")


class TooLong(Exception):
    """The other side sends what is no event stream of ours."""


class Events:
    """Takes bytes as they come and gives the ``data`` of each whole event.

    Lines may end in CR, LF or CRLF and be cut anywhere; comments and other fields are left out.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0
        self._begun = False

    def feed(self, chunk: bytes) -> Iterator[str]:
        """Raises ``TooLong`` when an event grows beyond ``LONGEST``."""
        self._rest += chunk
        while True:
            end = END_OF_LINE.search(self._rest)
            # A CR that is the last byte may be half of a CRLF: the next byte tells.
            if end is None or (end.group() == b"\r" and end.end() == len(self._rest)):
                break
            line, self._rest = self._rest[: end.start()], self._rest[end.end() :]
            yield from self._take(line)
        if len(self._rest) + self._size > LONGEST:
            raise TooLong(f"an event of more than {LONGEST // 1024} KB")

    def _take(self, line: bytes) -> Iterator[str]:
        if not self._begun:
            self._begun = True
            line = line[3:] if line.startswith(b"\xef\xbb\xbf") else line
        if not line:
            if self._data:
                yield b"\n".join(self._data).decode("utf-8", "replace")
            self._data, self._size = [], 0
            return
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value[1:] if value.startswith(b" ") else value)
            self._size += len(value)
            if self._size > LONGEST:
                raise TooLong(f"an event of more than {LONGEST // 1024} KB")
