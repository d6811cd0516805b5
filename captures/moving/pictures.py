"""A picture of the source, looked at as one that a camera hands in."""

import hashlib
from dataclasses import dataclass

from captures.evaluation.pictures import Undecodable, make_thumbnail
from captures.inspection import BrokenPicture, NotAPicture, PictureFacts, TooManyPixels, inspect_picture
from captures.moving.outcomes import Refused


@dataclass(frozen=True)
class Picture:
    """Whole, and of a kind and size that is taken in."""

    data: bytes
    facts: PictureFacts
    sha256: str


def checked_picture(data: bytes) -> Picture:
    """Raises :class:`Refused` for what a camera could not hand in either."""
    if not data:
        raise Refused("empty_picture", "The picture is an empty file.")
    try:
        facts = inspect_picture(data)
    except (BrokenPicture, NotAPicture, TooManyPixels) as error:
        raise Refused(error.code, str(error)) from error
    return Picture(data, facts, hashlib.sha256(data).hexdigest())


def checked_thumbnail(data: bytes) -> bytes:
    """Raises :class:`Refused` for what is no whole JPEG."""
    if checked_picture(data).facts.extension != "jpeg":
        raise Refused("not_a_picture", "The thumbnail is no JPEG.")
    return data


def thumbnail_of(picture: Picture) -> bytes:
    """Make one; b"" where the picture, though whole, cannot be decoded for that."""
    try:
        return make_thumbnail(picture.data)
    except Undecodable:
        return b""
