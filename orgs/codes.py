"""Codes that people read from paper and type."""

import re
import secrets

# Without the look-alikes 0 O, 1 I L.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_IGNORED = re.compile(r"[\s\-\u2010-\u2015]+")


def random_letters(length: int) -> str:
    """Return that many letters; each is worth five bits, all but a little."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def in_capitals(text: str) -> str:
    """Return what was typed without its spaces and hyphens."""
    return _IGNORED.sub("", text).upper()
