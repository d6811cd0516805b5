"""The pictures behind a link. Each is asked for here, with its link, each time."""

from uuid import UUID

from django.http import HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from captures.derivatives import small_of, view_of
from captures.models import Capture
from captures.picture_urls import leads_to_bucket
from captures.serving import has_already, shared_response
from orgs.errors import NotAllowed, NotThere
from sharing.visitors.door import METHODS, VisitorRequest, take_view, visited, visited_page
from sharing.visitors.robots import refuse_robots
from sharing.visitors.showing import Showing


class PictureNotShown(NotThere):
    code = "picture_not_shown"


class DownloadNotAllowed(NotAllowed):
    code = "download_not_allowed"


@require_http_methods(METHODS)
@visited_page
def image(request: VisitorRequest, pk: UUID) -> HttpResponseBase:
    """The picture as large as a screen. The first one is the visit's view; to robots it is not shown."""
    refuse_robots(request)
    capture = find(request, pk)
    return _handed_out(request, view_of(capture), etag=f"view-{capture.sha256}")


@require_safe
@visited
def thumbnail(request: VisitorRequest, pk: UUID) -> HttpResponseBase:
    capture = find(request, pk)
    etag = f"small-{capture.sha256}"
    return shared_response(request, small_of(capture), etag=etag, until=request.opened.ends_at)


@require_http_methods(METHODS)
@visited_page
def original(request: VisitorRequest, pk: UUID) -> HttpResponseBase:
    """The picture as the camera sent it, with all that stands in it, where the link allows that."""
    if not request.opened.link.download_allowed:
        raise DownloadNotAllowed("This link does not allow to download the original.")
    refuse_robots(request)
    capture = find(request, pk)
    name = f"{timezone.localtime(capture.captured_at):%Y-%m-%d %H.%M.%S}.{capture.storage_key.rpartition('.')[2]}"
    return _handed_out(request, capture.storage_key, etag=capture.sha256, filename=name)


def find(request: VisitorRequest, pk: UUID) -> Capture:
    """The picture, if the link shows it. Raises :class:`PictureNotShown`."""
    capture = Showing(request.opened).find(pk)
    if capture is None:
        raise PictureNotShown("This link does not show such a picture.")
    return capture


def _handed_out(request: VisitorRequest, key: str, *, etag: str, filename: str = "") -> HttpResponseBase:
    """Count the view of who gets the picture: not of who has it already, or asks for its size.

    From a bucket every answer is an address with which the picture can be had, also that to HEAD.
    """
    is_handed_out = request.method == "GET" or leads_to_bucket()
    if is_handed_out and not has_already(request, etag):
        take_view(request)
    return shared_response(request, key, etag=etag, until=request.opened.ends_at, filename=filename)
