"""Handing out a picture's bytes, to whoever was let in."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, quote_etag

from captures.fetching import fetched_later
from captures.models import Capture
from captures.picture_urls import check_signature, leads_to_bucket, picture_url
from captures.ranges import BLOCK, NotSatisfiable, parse_range, read_span
from captures.storage import DurableFileSystemStorage, content_type_of
from orgs.errors import NotThere, Unavailable

ONE_DAY = 24 * 60 * 60
# Asked for anew at each look, so that it goes with the link.
SHARED = "private, no-cache"
# Who is sent to the bucket asks us again soon, who may have lost the right to look by then.
REDIRECT_SECONDS = 60
# An address of the bucket outlives a link that is taken back by no more than this.
LONGEST_SHARED = timedelta(hours=1)


class ThumbnailNotMade(NotThere):
    code = "thumbnail_not_made"
    retryable = True


class PictureNotKept(NotThere):
    code = "picture_not_kept"


class BytesMissing(Unavailable):
    code = "bytes_missing"


def image_response(request: HttpRequest, capture: Capture, *, until: datetime | None = None) -> HttpResponseBase:
    """The picture as it was sent. It never changes, so it may be cached for a day, privately.

    ``until``: when the caller's reason to look ends, if it does.
    """
    if not capture.storage_key:
        raise PictureNotKept(
            "The picture itself was not kept where it was imported from, only what was found on it."
        )
    return _response(
        request, capture.storage_key, capture.content_type, etag=capture.sha256, seconds=ONE_DAY, until=until
    )


def thumbnail_response(
    request: HttpRequest, capture: Capture, *, until: datetime | None = None
) -> HttpResponseBase:
    if not capture.thumbnail_key:
        if not capture.storage_key:
            raise PictureNotKept("Neither the picture nor a preview was kept where it was imported from.")
        raise ThumbnailNotMade("The thumbnail is made when the picture is judged; that was not yet.")
    etag = f"thumb-{capture.sha256}"
    return _response(request, capture.thumbnail_key, "image/jpeg", etag=etag, seconds=ONE_DAY, until=until)


def shared_response(
    request: HttpRequest, key: str, *, etag: str, until: datetime | None, filename: str = ""
) -> HttpResponseBase:
    """A file for whoever looks by a link that ends at ``until``, or nobody knows when.

    From here it is asked for again each time, so that it goes with the link. A bucket's address lives an hour at
    most. ``filename``: it is saved under that name, not shown, where it comes from here.
    """
    if leads_to_bucket():
        longest = datetime.now(UTC) + LONGEST_SHARED
        return _to_the_bucket(key, until=min(until, longest) if until else longest, cache=SHARED)
    response = _file_response(request, key, content_type_of(key), etag=quote_etag(etag), cache=SHARED)
    if filename:
        response["Content-Disposition"] = content_disposition_header(True, filename)
    return response


def unchanged_response(request: HttpRequest, *, etag: str) -> HttpResponseBase | None:
    """What :func:`shared_response` would answer who has the file already, before there is one; else None.

    A bucket answers for itself.
    """
    return None if leads_to_bucket() else not_modified(request, _headers(etag=quote_etag(etag), cache=SHARED))


def not_modified(request: HttpRequest, headers: dict[str, str]) -> HttpResponseBase | None:
    """Return 304 with ``headers`` for who has what their ``ETag`` names, else None."""
    answer = get_conditional_response(request, etag=headers["ETag"])
    if answer is None or answer.status_code != 304:
        return None
    for name, value in headers.items():
        answer[name] = value
    return answer


def signed_response(request: HttpRequest, *, signature: str, ends: int, key: str) -> HttpResponseBase:
    """The file of a :func:`~captures.picture_urls.picture_url`; raises PictureUrlRefused."""
    check_signature(signature=signature, ends=ends, key=key)
    seconds = ends - int(datetime.now(UTC).timestamp())
    # Under one key there are always the same bytes.
    cache = _for_seconds(seconds)
    return _file_response(request, key, content_type_of(key), etag=quote_etag(key), cache=cache)


def _response(
    request: HttpRequest,
    key: str,
    content_type: str,
    *,
    etag: str,
    seconds: int,
    until: datetime | None,
) -> HttpResponseBase:
    if not leads_to_bucket():
        return _file_response(request, key, content_type, etag=quote_etag(etag), cache=_for_seconds(seconds))
    return _to_the_bucket(key, until=until, cache=f"private, max-age={REDIRECT_SECONDS}")


def _for_seconds(seconds: int) -> str:
    return f"private, max-age={seconds}, immutable"


def _to_the_bucket(key: str, *, until: datetime | None, cache: str) -> HttpResponse:
    response = HttpResponse(status=302)
    response["Location"] = picture_url(key, until=until)
    response["Cache-Control"] = cache
    return response


def _file_response(
    request: HttpRequest, key: str, content_type: str, *, etag: str, cache: str
) -> HttpResponseBase:
    headers = _headers(etag=etag, cache=cache)
    if (unchanged := not_modified(request, headers)) is not None:
        return unchanged
    if settings.VISANT_ACCEL_REDIRECT and isinstance(default_storage, DurableFileSystemStorage):
        return _left_to_the_front(key, content_type, headers)
    return _bytes_of(request, _open(key), content_type, headers)


def _headers(*, etag: str, cache: str) -> dict[str, str]:
    return {
        "ETag": etag,
        "Cache-Control": cache,
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
    }


def _left_to_the_front(key: str, content_type: str, headers: dict[str, str]) -> HttpResponse:
    """The server in front sends the file itself, with ranges; its tag is its own (nginx: X-Accel-Redirect)."""
    if not default_storage.exists(key):
        raise _missing()
    response = HttpResponse(content_type=content_type, headers=headers)
    response["X-Accel-Redirect"] = settings.VISANT_ACCEL_REDIRECT + quote(key)
    return response


def _bytes_of(request: HttpRequest, file: File, content_type: str, headers: dict[str, str]) -> HttpResponseBase:
    try:
        span = parse_range(_range_asked_for(request, headers["ETag"]), size=file.size)
    except NotSatisfiable:
        with file:
            return HttpResponse(status=416, headers={"Content-Range": f"bytes */{file.size}"})
    if span is None:
        whole = FileResponse(file, content_type=content_type, headers=headers)
        whole.block_size = BLOCK
        return whole
    headers["Content-Range"] = f"bytes {span.first}-{span.last}/{file.size}"
    headers["Content-Length"] = str(span.length)
    return StreamingHttpResponse(read_span(file, span), status=206, content_type=content_type, headers=headers)


def _range_asked_for(request: HttpRequest, etag: str) -> str:
    """A part is of use only to who has the rest of the same file (``If-Range``)."""
    if request.method != "GET" or request.headers.get("If-Range", etag) != etag:
        return ""
    return str(request.headers.get("Range", ""))


def _open(key: str) -> File:
    with fetched_later("picture"):
        try:
            return default_storage.open(key)
        except FileNotFoundError as error:
            raise _missing() from error


def _missing() -> BytesMissing:
    return BytesMissing("The picture's bytes are not in the storage.")
