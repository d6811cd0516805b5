"""The one interface of all sources."""

from __future__ import annotations

from abc import ABC, abstractmethod

from visant_camera.pictures import Picture


class SourceError(Exception):
    """The source cannot be used at all; the text is a sentence for people."""


class NoPicture(Exception):
    """There is no picture this time; the next call may give one. The text never holds a password."""


class NothingYet(NoPicture):
    """Nothing came since the last time, which is as it should be."""


class Source(ABC):
    """An iterator of pictures; each ``next()`` takes one now.

    ``next()`` raises ``NoPicture`` when it failed this once (go on) and ``StopIteration`` at the end.
    ``own_pace``: pictures are taken elsewhere, whenever they are; ask often, the interval means nothing.
    """

    own_pace = False

    def __iter__(self) -> Source:
        return self

    @abstractmethod
    def __next__(self) -> Picture: ...

    def kept(self, picture: Picture) -> None:
        """The last picture it gave is safely in the spool; whoever holds the only other copy may let go of it."""
        return

    def close(self) -> None:
        """Let go of the camera. Safe to call twice."""
        return
