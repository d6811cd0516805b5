"""The pages of a link: its pictures, one of them, and both in frames of other sites."""

from collections.abc import Callable
from datetime import date
from functools import wraps
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_http_methods

from captures.models import Capture
from orgs.errors import Invalid, NotThere
from sharing.models import LinkKind
from sharing.visitors.addresses import VisitorAddresses
from sharing.visitors.door import VisitorRequest, named_link, visited_page
from sharing.visitors.files import find
from sharing.visitors.latest import freshness
from sharing.visitors.showing import Showing
from sharing.visitors.visit import encode
from sharing.words import shows_in_words

METHODS = ["GET", "HEAD", "POST"]


class NotEmbeddable(NotThere):
    code = "not_embeddable"


class NoSuchDay(Invalid):
    code = "no_such_day"


def framed(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Let the sites that the link names show the page in a frame; where it names none, nobody may."""

    @wraps(view)
    def open_to_frames(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        link = named_link(request)
        if link is not None and link.embed_origins:
            response.xframe_options_exempt = True  # type: ignore[attr-defined] # knows of one site or none
            response._csp_replace = {"frame-ancestors": link.embed_origins}  # type: ignore[attr-defined]
        return response

    return open_to_frames


@require_http_methods(METHODS)
@visited_page
def gallery(request: VisitorRequest) -> HttpResponse:
    """``/s/{token}``"""
    return draw(request)


@framed
@require_http_methods(METHODS)
@visited_page
def embed(request: VisitorRequest) -> HttpResponse:
    """``/s/{token}/embed``: the same in a frame, where there are no cookies: addresses carry the visit."""
    link = request.opened.link
    if not link.embed_origins:
        raise NotEmbeddable("This link is not to be shown in other pages.")
    request.addresses = VisitorAddresses(link, request.addresses.visit or encode(request.visit, link))
    return draw(request, in_frame=True)


@require_http_methods(METHODS)
@visited_page
def picture(request: VisitorRequest, pk: UUID) -> HttpResponse:
    """``/s/{token}/pictures/{pk}``"""
    showing, capture = Showing(request.opened), find(request, pk)
    context = _of_one(request, capture) | {"is_page_of_many": _shows_many(request)}
    for name, other in (("newer", showing.newer(capture)), ("older", showing.older(capture))):
        context[name] = request.addresses.page(other) if other else None
    context["back"] = request.addresses.gallery(day=timezone.localtime(capture.captured_at).date())
    return render(request, "sharing/visitor/picture.html", context)


def draw(request: VisitorRequest, *, in_frame: bool = False, is_preview: bool = False) -> HttpResponse:
    """What a visitor sees of ``request.opened``, with ``request.addresses``.

    ``is_preview``: it is shown to a member, in a frame, so nothing is counted and nobody can report it.
    """
    shown_as = {"in_frame": in_frame, "is_preview": is_preview}
    if _shows_many(request):
        return _draw_many(request, shown_as)
    showing = Showing(request.opened)
    newest = showing.newest
    context = _of_one(request, newest) if newest else _common(request, None)
    if newest and (fresh := freshness(showing, newest)):
        is_refreshed = not is_preview and request.GET.get("refresh") != "off"
        still = request.addresses.gallery(refresh="off")
        context |= {"fresh": fresh, "is_refreshed": is_refreshed, "still": still}
    return render(request, "sharing/visitor/picture.html", context | shown_as)


def _draw_many(request: VisitorRequest, shown_as: dict[str, bool]) -> HttpResponse:
    showing, addresses = Showing(request.opened), request.addresses
    cursor, day = request.GET.get("cursor", ""), _day_asked_for(request)
    page = showing.page(cursor, day=day)
    newest = page.captures[0] if page.captures else None
    here = addresses.embed if shown_as["in_frame"] else addresses.gallery
    shown_day = timezone.localtime(newest.captured_at).date() if newest else day
    context = _common(request, newest) | {
        "tiles": showing.tiles(page.captures, addresses),
        "days": [(each, here(day=each)) for each in showing.days(around=shown_day if cursor or day else None)],
        "shown_day": shown_day,
        "is_first_page": not (cursor or day),
        "newest": here(),
        "older": here(cursor=page.next) if page.next else None,
    }
    return render(request, "sharing/visitor/gallery.html", context | shown_as)


def _day_asked_for(request: HttpRequest) -> date | None:
    text = request.GET.get("day", "")
    try:
        day = parse_date(text)
    except ValueError:
        day = None
    if text and day is None:
        raise NoSuchDay("There is no such day.")
    return day


def _shows_many(request: VisitorRequest) -> bool:
    return request.opened.link.kind in (LinkKind.DEVICE, LinkKind.RANGE)


def _of_one(request: VisitorRequest, capture: Capture) -> dict[str, Any]:
    may_download = request.opened.link.download_allowed
    return _common(request, capture) | {
        "capture": capture,
        "image": request.addresses.image(capture),
        "original": request.addresses.original(capture) if may_download else None,
    }


def _common(request: VisitorRequest, newest: Capture | None) -> dict[str, Any]:
    """What each page says; ``newest``: of what it shows."""
    opened, link = request.opened, request.opened.link
    return {
        "link": link,
        "camera": link.device.name,
        "shows": shows_in_words(link),
        "ends_at": opened.ends_at,
        "contact": opened.policy.contact,
        "verdict_shown": link.verdict_shown,
        "addresses": request.addresses,
        # A link that asks for a password says nothing to who only wants to tell what it is.
        "is_previewed": not link.password_hash,
        "previewed": newest,
        "origin": settings.VISANT_URL,
    }
