"""Which picture takes a view, and how one is handed out. Every door that has a picture's bytes asks here.

A visit has one view, however much it looks at.

- A full picture takes it: the one for a screen, the original, ``latest.jpg``.
- A small one takes none, since a page lists many of them. Where views are limited it takes it, too, if it is all
  that the link shows; and programs that look by themselves get none.
- What messengers show beside the link takes none. So where views are limited they are shown no picture
  (:attr:`sharing.models.ShareLink.previews_picture`).
"""

from collections.abc import Callable
from functools import partial

from django.http import HttpResponseBase

from captures.derivatives import aged_view_of, small_of, view_of
from captures.models import Capture
from captures.picture_urls import leads_to_bucket
from captures.serving import shared_response, unchanged_response
from orgs.ratelimits import count
from sharing.models import LinkKind
from sharing.visitors.door import VisitorRequest, take_view
from sharing.visitors.robots import refuse_robots


def hand_out_full(
    request: VisitorRequest, key: Callable[[], str], *, etag: str, filename: str = ""
) -> HttpResponseBase:
    """Count the view of who gets the picture: not of who has it already, or asks for its size.

    ``key`` finds or makes it, and may refuse. From a bucket every answer is an address with which the picture can
    be had, also that to HEAD.
    """
    refuse_robots(request)
    if (unchanged := unchanged_response(request, etag=etag)) is not None:
        return unchanged
    found = key()
    if request.method == "GET" or leads_to_bucket():
        take_view(request)
    return shared_response(request, found, etag=etag, until=request.opened.ends_at, filename=filename)


def hand_out_small(request: VisitorRequest, capture: Capture) -> HttpResponseBase:
    """The picture as galleries list it."""
    etag = f"small-{capture.sha256}"
    link, key = request.opened.link, partial(small_of, capture)
    if link.has_limited_views:
        if link.kind in (LinkKind.CAPTURE, LinkKind.LATEST):
            return hand_out_full(request, key, etag=etag)
        refuse_robots(request)
    if (unchanged := unchanged_response(request, etag=etag)) is not None:
        return unchanged
    return shared_response(request, key(), etag=etag, until=request.opened.ends_at)


def view_for(request: VisitorRequest, capture: Capture) -> str:
    """Return the key of the picture for a screen. Raises ``TooManyRequests`` where the link had too many made."""
    return view_of(capture, before_making=partial(_count_making, request))


def aged_view_for(request: VisitorRequest, capture: Capture, words: str) -> bytes:
    """The same with its age drawn into it."""
    return aged_view_of(capture, words, before_making=partial(_count_making, request))


def _count_making(request: VisitorRequest) -> None:
    # Each is made once, for all who look; but whoever runs through all there are keeps a processor busy.
    count("share_making_link", request.opened.link.pk)
