"""What was found of one part."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """``what`` was found of a ``part``; unless that is ok, ``fix`` says what to do about it."""

    part: str
    state: State
    what: str
    fix: str = ""


def fine(part: str, what: str) -> Finding:
    return Finding(part, State.OK, what)


def warning(part: str, what: str, fix: str) -> Finding:
    return Finding(part, State.WARNING, what, fix)


def error(part: str, what: str, fix: str) -> Finding:
    return Finding(part, State.ERROR, what, fix)
