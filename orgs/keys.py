"""Secret keys that machines carry: ``vis_<kind>_<prefix>_<secret><checksum>``.

A key of another form, which a camera brought along from an earlier system, is found by a part of its own digest
instead of a prefix (:func:`adopt_key`).

The prefix finds the row; the whole key is compared by a keyed digest (HMAC-SHA256), so that a stolen database
opens nothing. The checksum (CRC-32, as in GitHub's tokens) tells a mistyped key, and lets secret scanners
know a real one.
"""

import binascii
import hashlib
import hmac
import re
import secrets
import string
from typing import NamedTuple

from django.conf import settings

ALPHABET = string.digits + string.ascii_letters
PREFIX_LENGTH = 10
SECRET_LENGTH = 32  # 190 bits
CHECKSUM_LENGTH = 6  # 62^6 holds a CRC-32
# No prefix of ours begins with it.
ADOPTED = "~"
SHORTEST_ADOPTED = 16  # shorter ones could be guessed
LONGEST_ADOPTED = 300
_SHAPE = re.compile(
    rf"vis_(?P<kind>[a-z]+)_(?P<prefix>[0-9A-Za-z]{{{PREFIX_LENGTH}}})"
    rf"_(?P<rest>[0-9A-Za-z]{{{SECRET_LENGTH + CHECKSUM_LENGTH}}})"
)


class NewKey(NamedTuple):
    """A key just made. ``text`` is shown once; the other three are stored."""

    text: str
    prefix: str
    digest: str
    pepper_id: int


def make_key(kind: str) -> NewKey:
    """Return a new key of ``kind`` (``dev``, ``usr``), digested with the newest pepper."""
    prefix = _random(PREFIX_LENGTH)
    body = f"vis_{kind}_{prefix}_{_random(SECRET_LENGTH)}"
    text = body + _checksum(body)
    pepper_id = newest_pepper()
    return NewKey(text, prefix, digest_of(text, pepper_id), pepper_id)


def prefix_of(text: str, kind: str) -> str | None:
    """Return the prefix of a well-formed key of ``kind``, or None: mistyped, cut off, or no key at all."""
    match = _SHAPE.fullmatch(text)
    if match is None or match["kind"] != kind:
        return None
    body, checksum = text[:-CHECKSUM_LENGTH], text[-CHECKSUM_LENGTH:]
    return match["prefix"] if hmac.compare_digest(checksum, _checksum(body)) else None


def adopt_key(text: str) -> NewKey:
    """Return what is stored of a key that another system made. Raises ValueError for one that is none.

    It must be long enough not to be guessed, and must fit into a header.
    """
    if not is_adoptable(text):
        raise ValueError(f"A key has {SHORTEST_ADOPTED} to {LONGEST_ADOPTED} visible ASCII characters.")
    pepper_id = newest_pepper()
    return NewKey(text, _adopted_prefix(text, pepper_id), digest_of(text, pepper_id), pepper_id)


def adopted_prefixes(text: str) -> list[str]:
    """Return the prefixes under which an adopted key of that text may be stored, one for each pepper.

    None for keys of our own form, mistyped ones included: nothing need be looked up for those.
    """
    if not is_adoptable(text):
        return []
    return [_adopted_prefix(text, pepper_id) for pepper_id in settings.VISANT_KEY_PEPPERS]


def is_adoptable(text: str) -> bool:
    """Whether a key of another system can be taken over: it is none of ours, and long enough not to be guessed."""
    if not SHORTEST_ADOPTED <= len(text) <= LONGEST_ADOPTED or _SHAPE.fullmatch(text):
        return False
    return text.isascii() and text.isprintable() and " " not in text


def matches(text: str, *, digest: str, pepper_id: int) -> bool:
    """Compare in constant time. A key whose pepper was taken out of the configuration matches nothing."""
    if pepper_id not in settings.VISANT_KEY_PEPPERS:
        return False
    return hmac.compare_digest(digest_of(text, pepper_id), digest)


def newest_pepper() -> int:
    """Return the id of the pepper that new digests are made with."""
    return list(settings.VISANT_KEY_PEPPERS)[-1]


def digest_of(text: str, pepper_id: int) -> str:
    """Return the keyed digest by which a secret is found, or compared with what is stored."""
    return hmac.new(settings.VISANT_KEY_PEPPERS[pepper_id], text.encode(), hashlib.sha256).hexdigest()


def _adopted_prefix(text: str, pepper_id: int) -> str:
    """Begins like no prefix of ours. Digested apart from the digest itself, of which it must tell nothing."""
    return ADOPTED + digest_of(f"prefix of {text}", pepper_id)[:15]


def _checksum(body: str) -> str:
    number = binascii.crc32(body.encode())
    digits = ""
    for _ in range(CHECKSUM_LENGTH):
        number, index = divmod(number, len(ALPHABET))
        digits = ALPHABET[index] + digits
    return digits


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
