"""The pictures behind a link. Each is asked for here, with its link, each time."""

from functools import partial
from uuid import UUID

from django.http import HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from captures.models import Capture
from orgs.errors import NotAllowed, NotThere
from sharing.visitors.door import METHODS, VisitorRequest, visited, visited_page
from sharing.visitors.handing import hand_out_full, hand_out_small, view_for
from sharing.visitors.showing import Showing


class PictureNotShown(NotThere):
    code = "picture_not_shown"


class DownloadNotAllowed(NotAllowed):
    code = "download_not_allowed"


@require_http_methods(METHODS)
@visited_page
def image(request: VisitorRequest, pk: UUID) -> HttpResponseBase:
    """The picture as large as a screen."""
    capture = find(request, pk)
    return hand_out_full(request, partial(view_for, request, capture), etag=f"view-{capture.sha256}")


@require_safe
@visited
def thumbnail(request: VisitorRequest, pk: UUID) -> HttpResponseBase:
    return hand_out_small(request, find(request, pk))


@require_http_methods(METHODS)
@visited_page
def original(request: VisitorRequest, pk: UUID) -> HttpResponseBase:
    """The picture as the camera sent it, with all that stands in it, where the link allows that."""
    if not request.opened.link.download_allowed:
        raise DownloadNotAllowed("This link does not allow to download the original.")
    capture = find(request, pk)
    name = f"{timezone.localtime(capture.captured_at):%Y-%m-%d %H.%M.%S}.{capture.storage_key.rpartition('.')[2]}"
    return hand_out_full(request, lambda: capture.storage_key, etag=capture.sha256, filename=name)


def find(request: VisitorRequest, pk: UUID) -> Capture:
    """The picture, if the link shows it. Raises :class:`PictureNotShown`."""
    capture = Showing(request.opened).find(pk)
    if capture is None:
        raise PictureNotShown("This link does not show such a picture.")
    return capture
