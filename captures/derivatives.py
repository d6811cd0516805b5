"""What outsiders get of a picture: made anew from its pixels, upright, without EXIF, place or serial numbers.

Made when it is first asked for, and kept beside the picture. No row speaks of it, and no backup or export has it.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from captures.banner import with_banner, words_of
from captures.evaluation.pictures import THUMBNAIL_QUALITY, THUMBNAIL_SIZE, Undecodable, make_smaller
from captures.fetching import fetched_later
from captures.models import Capture
from captures.storage import aged_key, small_key, view_key
from orgs.errors import NotThere

# Fills a large screen, and is a tenth of what a camera of today sends.
VIEW_SIZE, VIEW_QUALITY = (2048, 2048), 82


def at_once() -> None:
    """Nothing keeps a picture from being made."""


class PictureLost(NotThere):
    """The bytes are gone, or are not those that came in; ``check_integrity`` tells the organization."""

    code = "picture_lost"


def view_of(capture: Capture, *, before_making: Callable[[], None] = at_once) -> str:
    """Return the key of the picture for a screen, at most 2048 pixels wide or high.

    ``before_making`` is called if it has to be made, and may refuse that. Raises :class:`PictureLost`, and
    StorageUnavailable while the storage is away.
    """
    made = partial(make_smaller, size=VIEW_SIZE, quality=VIEW_QUALITY, progressive=True)
    return _kept(capture, view_key(capture.storage_key), lambda: _from_picture(capture, made), before_making)


def small_of(capture: Capture) -> str:
    """Return the key of the picture for a list, at most 400×300; raises as :func:`view_of`."""
    return _kept(capture, small_key(capture.storage_key), lambda: _small(capture))


def aged_view_of(capture: Capture, words: str, *, before_making: Callable[[], None] = at_once) -> bytes:
    """Return the picture for a screen with ``words`` drawn into it, which tell its age; raises as :func:`view_of`.

    The last one is kept and has its words in itself, so it is drawn once for each age, whoever asks, and takes the
    place of the one before.
    """
    key = aged_key(capture.storage_key)
    with suppress(PictureLost):
        kept = read_file(key)
        if words_of(kept) == words:
            return kept
    view = read_file(view_of(capture, before_making=before_making))
    before_making()
    drawn = with_banner(view, words)
    _keep(capture, key, drawn)
    return drawn


def read_file(key: str) -> bytes:
    """Return what is under ``key``; raises as :func:`view_of`."""
    with fetched_later("picture"):
        try:
            with default_storage.open(key) as file:
                return bytes(file.read())
        except FileNotFoundError as error:
            raise PictureLost("The file of this picture is not there any more.") from error


def _kept(
    capture: Capture, key: str, make: Callable[[], bytes], before_making: Callable[[], None] = at_once
) -> str:
    with fetched_later("picture"):
        is_there = default_storage.exists(key)
    if not is_there:
        before_making()
        _keep(capture, key, make())
    return key


def _keep(capture: Capture, key: str, data: bytes) -> None:
    with fetched_later("picture"):
        default_storage.save(key, ContentFile(data))
        if not Capture.unscoped.filter(pk=capture.pk).exists():
            default_storage.delete(key)  # who deleted the picture meanwhile did not know of it


def _small(capture: Capture) -> bytes:
    """From the thumbnail, which is read in a moment; one that was imported may have EXIF, too, or be broken."""
    made = partial(make_smaller, size=THUMBNAIL_SIZE, quality=THUMBNAIL_QUALITY)
    try:
        return made(read_file(capture.thumbnail_key)) if capture.thumbnail_key else _from_picture(capture, made)
    except (PictureLost, Undecodable):
        return _from_picture(capture, made)


def _from_picture(capture: Capture, made: Callable[[bytes], bytes]) -> bytes:
    data = read_file(capture.storage_key)
    if hashlib.sha256(data).hexdigest() != capture.sha256:
        raise PictureLost("The file of this picture is damaged.")
    try:
        return made(data)
    except Undecodable as error:
        raise PictureLost("The file of this picture cannot be read.") from error
