"""Handing out a picture's bytes, to whoever was let in."""

from django.core.files.storage import default_storage
from django.http import FileResponse, HttpRequest, HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag

from captures.models import Capture
from orgs.errors import NotThere, Unavailable

ONE_DAY = 24 * 60 * 60
BLOCK = 64 * 1024


class ThumbnailNotMade(NotThere):
    code = "thumbnail_not_made"
    retryable = True


class PictureNotKept(NotThere):
    code = "picture_not_kept"


class BytesMissing(Unavailable):
    code = "bytes_missing"


def image_response(request: HttpRequest, capture: Capture) -> HttpResponseBase:
    """The picture as it was sent. It never changes, so it may be cached for a day, privately."""
    if not capture.storage_key:
        raise PictureNotKept(
            "The picture itself was not kept where it was imported from, only what was found on it."
        )
    return _file_response(request, capture.storage_key, capture.content_type, etag=capture.sha256)


def thumbnail_response(request: HttpRequest, capture: Capture) -> HttpResponseBase:
    if not capture.thumbnail_key:
        if not capture.storage_key:
            raise PictureNotKept("Neither the picture nor a preview was kept where it was imported from.")
        raise ThumbnailNotMade("The thumbnail is made when the picture is judged; that was not yet.")
    return _file_response(request, capture.thumbnail_key, "image/jpeg", etag=f"thumb-{capture.sha256}")


def _file_response(request: HttpRequest, key: str, content_type: str, *, etag: str) -> HttpResponseBase:
    etag = quote_etag(etag)
    headers = {"ETag": etag, "Cache-Control": f"private, max-age={ONE_DAY}, immutable"}
    unchanged = get_conditional_response(request, etag=etag)
    if unchanged is not None and unchanged.status_code == 304:
        for name, value in headers.items():
            unchanged[name] = value
        return unchanged
    try:
        file = default_storage.open(key)
    except FileNotFoundError as error:
        raise BytesMissing("The picture's bytes are not in the storage.") from error
    response = FileResponse(file, content_type=content_type, headers=headers)
    response.block_size = BLOCK
    response["X-Content-Type-Options"] = "nosniff"
    return response
