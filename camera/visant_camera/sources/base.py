"""The one interface of all sources."""

from __future__ import annotations

from abc import ABC, abstractmethod

from visant_camera.pictures import Picture


class SourceError(Exception):
    """The source cannot be used at all; the text is a sentence for people."""


class NoPicture(Exception):
    """There is no picture this time; the next call may give one. The text never holds a password."""


class Source(ABC):
    """An iterator of pictures; each ``next()`` takes one now.

    ``next()`` raises ``NoPicture`` when it failed this once (go on) and ``StopIteration`` at the end.
    """

    def __iter__(self) -> Source:
        return self

    @abstractmethod
    def __next__(self) -> Picture: ...

    def close(self) -> None:
        """Let go of the camera. Safe to call twice."""
        return
