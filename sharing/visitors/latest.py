"""The newest picture of a link under an address that stays: for other pages, screens, and previews of the link."""

from datetime import datetime, timedelta

from django.http import HttpResponse, HttpResponseBase
from django.utils.http import http_date, quote_etag
from django.views.decorators.http import require_http_methods, require_safe

from captures.derivatives import read_file, small_of
from captures.models import Capture
from captures.serving import not_modified
from orgs.errors import NotThere
from sharing.freshness import LATEST, Freshness, freshness_of
from sharing.models import LinkKind
from sharing.opening import Opened
from sharing.visitors.door import METHODS, VisitorRequest, take_view, visited, visited_page
from sharing.visitors.handing import aged_view_for, view_for
from sharing.visitors.robots import refuse_robots
from sharing.visitors.showing import Showing


class NoPictureYet(NotThere):
    code = "no_picture_yet"
    retryable = True


class NoPreview(NotThere):
    code = "no_preview"


@require_http_methods(METHODS)
@visited_page
def latest(request: VisitorRequest) -> HttpResponseBase:
    """``/s/{token}/latest.jpg``: from us, never from a bucket, so that the address and its ETag mean something.

    Kept by browsers until the next picture is due, but no longer than the link. Of a camera that is late the
    picture says how old it is.
    """
    refuse_robots(request)
    showing = Showing(request.opened)
    newest = _newest(showing)
    fresh = freshness(showing, newest)
    words = fresh.drawn if fresh and fresh.is_stale else ""
    headers = {
        "ETag": quote_etag(f"latest-{newest.sha256}-{words}"),
        "Last-Modified": http_date(newest.captured_at.timestamp()),
        "Cache-Control": f"private, max-age={_max_age(request.opened, fresh)}",
    }
    if (unchanged := not_modified(request, headers)) is not None:
        return unchanged
    data = aged_view_for(request, newest, words) if words else read_file(view_for(request, newest))
    if request.method == "GET":
        take_view(request)
    return HttpResponse(data, content_type="image/jpeg", headers=headers)


@require_safe
@visited
def preview(request: VisitorRequest) -> HttpResponseBase:
    """``/s/{token}/preview.jpg``: what messengers show beside the link, where that is switched on.

    The small picture of the galleries: large enough for them, and there already.
    """
    link = request.opened.link
    if not link.previews_picture:
        raise NoPreview("Previews of this link have no picture.")
    newest = _newest(Showing(request.opened))
    headers = {"ETag": quote_etag(f"small-{newest.sha256}"), "Cache-Control": "private, no-cache"}
    if (unchanged := not_modified(request, headers)) is not None:
        return unchanged
    return HttpResponse(read_file(small_of(newest)), content_type="image/jpeg", headers=headers)


def freshness(showing: Showing, newest: Capture) -> Freshness | None:
    """How old the newest picture is; None where no newer one is to come."""
    link = showing.link
    if link.kind in (LinkKind.CAPTURE, LinkKind.RANGE):
        return None
    return freshness_of(
        link.device,
        captured_at=newest.captured_at,
        free_from=showing.free_from(newest),
        delay=timedelta(hours=link.delay_hours),
        at=showing.opened.at,
    )


def _newest(showing: Showing) -> Capture:
    if showing.newest is None:
        raise NoPictureYet("There is no picture to show yet.")
    return showing.newest


def _max_age(opened: Opened, fresh: Freshness | None) -> int:
    lasts = fresh.asks_in if fresh else LATEST
    ends_at: datetime | None = opened.ends_at
    return int((min(lasts, ends_at - opened.at) if ends_at else lasts).total_seconds())
