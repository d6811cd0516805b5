"""What can become of one attempt to hand in a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional, Union


@dataclass(frozen=True)
class Received:
    """The server keeps the picture: its receipt names our record."""

    receipt: Mapping[str, Any]


@dataclass(frozen=True)
class TryLater:
    """Nothing is decided. ``after`` is what the server asked for, in seconds.

    ``about_server``: no picture would get through now. Else it may be this picture alone that fails.
    """

    why: str
    about_server: bool
    after: Optional[float] = None


@dataclass(frozen=True)
class KeyRejected:
    """The camera's key is not accepted (401) or not allowed to hand in pictures (403).

    ``code`` is the server's word for it, as ``device_suspended``, or "".
    """

    why: str
    code: str = ""


@dataclass(frozen=True)
class SetAside:
    """Sending this picture again would not help. ``keep``: the server asks us to keep it."""

    why: str
    keep: bool
    answer: Mapping[str, Any]


Outcome = Union[Received, TryLater, KeyRejected, SetAside]
