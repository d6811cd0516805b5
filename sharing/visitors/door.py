"""The door before everything that a link shows. Each page and each picture of it is asked for here."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.csrf import csrf_exempt

from devices.clocks import clock_of
from orgs import scope
from orgs.errors import NotAllowed, TooManyRequests
from sharing.models import LinkState, ShareLink
from sharing.opening import LinkClosed, Opened, open_link
from sharing.services.visits import WrongPassword, check_visitor, count_view, is_counted
from sharing.visitors.addresses import PARAMETER, VisitorAddresses
from sharing.visitors.pages import closed_page, password_page
from sharing.visitors.robots import refuse_robots
from sharing.visitors.visit import Visit, decode, encode, new_visit

P = ParamSpec("P")
COOKIE = "visit"
# Of pages, and of pictures that are opened by themselves: both take the password.
METHODS = ["GET", "HEAD", "POST"]


class PasswordNeeded(NotAllowed):
    code = "password_needed"


class VisitorRequest(HttpRequest):
    """A request of somebody who holds a link: what it opens, and their visit."""

    named_link: ShareLink
    opened: Opened
    visit: Visit
    # Whether the visit came with the request, or has just begun.
    visit_is_new: bool
    # Where the pages of the visit are. They carry it where this one's address did, as in frames.
    addresses: VisitorAddresses


VisitorView = Callable[Concatenate[VisitorRequest, P], HttpResponseBase]


def enter(request: HttpRequest, token: str) -> VisitorRequest:
    """Find out what the token opens and whose visit this is, whatever is asked for.

    From here on the database shows the link's organization. Raises :class:`~sharing.opening.LinkNotThere`,
    :class:`~sharing.opening.LinkClosed` and :class:`PasswordNeeded`.
    """
    visitor = _recognize(request, token)
    if visitor.opened.link.password_hash and not visitor.visit.passed:
        raise PasswordNeeded("This link asks for a password.")
    return visitor


def let_in(request: HttpRequest, token: str, *, password: str) -> VisitorRequest:
    """Let the visit in by the link's password; any will do for one without. Raises as :func:`enter`, and as
    :func:`~sharing.services.visits.check_visitor`.
    """
    visitor = _recognize(request, token)
    check_visitor(opened=visitor.opened, password=password)
    visitor.visit, visitor.visit_is_new = visitor.visit.let_in(), True
    return visitor


def take_view(request: VisitorRequest) -> None:
    """Count the visit's view, if that was not done.

    Raises LinkClosed when others took the last one, and RobotRefused for who is no visitor.
    """
    refuse_robots(request)
    if not request.visit.counted:
        agent = request.headers.get("User-Agent", "")
        count_view(opened=request.opened, visit_id=request.visit.id, agent=agent)
        request.visit, request.visit_is_new = request.visit.with_view(), True


def visited(view: VisitorView[P]) -> Callable[..., HttpResponseBase]:
    """Let in who holds a link, with their visit; inside the view the database shows its organization only.

    Who may not look gets a page: 410 for what was a link, 403 with a form for the password. Moments are told by
    the camera's clock.
    """

    @wraps(view)
    def guarded(request: HttpRequest, token: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            with visiting(request, token) as visitor:
                response = view(visitor, *args, **kwargs)
                if visitor.visit_is_new:
                    remember(response, visitor)
                scope.keep_for_stream(response)
                return response
        except LinkClosed as closed:
            return closed_page(request, closed)
        except PasswordNeeded:
            return password_page(request, cast(VisitorRequest, request).named_link)

    return login_not_required(guarded)


def visited_page(view: VisitorView[P]) -> Callable[..., HttpResponseBase]:
    """The same for a page, or a picture opened by itself, which also takes the password by POST and is shown then:
    403 or 429 with the form.

    There is no session that another site could act by, so its form needs no proof of origin; in a frame there is
    no cookie that could be one.
    """
    looking = visited(view)

    @wraps(view)
    def guarded(request: HttpRequest, token: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if request.method != "POST":
            return looking(request, token, *args, **kwargs)
        try:
            with scope.nothing():
                visitor = let_in(request, token, password=request.POST.get("password", ""))
        except LinkClosed as closed:
            return closed_page(request, closed)
        except (WrongPassword, TooManyRequests) as refusal:
            return password_page(request, cast(VisitorRequest, request).named_link, refusal=refusal)
        return _shown_now(visitor)

    return csrf_exempt(login_not_required(guarded))


@contextmanager
def visiting(request: HttpRequest, token: str) -> Iterator[VisitorRequest]:
    """The same for programs, inside the block: what :func:`enter` raises goes out."""
    with scope.nothing():
        visitor = enter(request, token)
        with timezone.override(clock_of(visitor.opened.link.device)):
            yield visitor


def remember(response: HttpResponseBase, request: VisitorRequest) -> None:
    """Let the browser show the visit again, to this link only, until it ends."""
    link = request.opened.link
    response.set_cookie(
        COOKIE,
        encode(request.visit, link),
        max_age=request.visit.ends_at - request.opened.at,
        path=reverse("share", args=[link.token]),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def named_link(request: HttpRequest) -> ShareLink | None:
    """The link that a request named, open or not, after it was looked for; None for what is no link."""
    return getattr(request, "named_link", None)


def _recognize(request: HttpRequest, token: str) -> VisitorRequest:
    visitor = cast(VisitorRequest, request)  # which it becomes here
    try:
        visitor.opened = open_link(token, at=timezone.now())
    except LinkClosed as closed:
        visitor.named_link = closed.link
        raise
    link = visitor.named_link = visitor.opened.link
    scope.enter(link.org_id)
    carried = request.GET.get(PARAMETER, "")
    at = visitor.opened.at
    by_address, by_cookie = (decode(text, link, at=at) for text in (carried, request.COOKIES.get(COOKIE, "")))
    known = by_address or by_cookie
    visitor.visit, visitor.visit_is_new = known or new_visit(at=at), known is None
    visitor.addresses = VisitorAddresses(link, carried if by_address else "")
    if visitor.opened.is_used_up and not (known and is_counted(link=link, visit_id=known.id)):
        raise visitor.opened.closed(LinkState.USED_UP)
    return visitor


def _shown_now(request: VisitorRequest) -> HttpResponse:
    """Back to the page; its address carries the visit where a cookie may not come along."""
    query = request.GET.dict()
    if PARAMETER in query or request.headers.get("Sec-Fetch-Dest") == "iframe":
        query[PARAMETER] = encode(request.visit, request.opened.link)
    response = redirect(f"{request.path}?{urlencode(query)}" if query else request.path)
    remember(response, request)
    return response
