"""The door before everything that a link shows. Each page and each picture of it is asked for here."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from devices.clocks import clock_of
from orgs import scope
from orgs.errors import NotAllowed
from sharing.models import LinkState
from sharing.opening import LinkClosed, Opened, open_link
from sharing.services.visits import count_view, is_counted
from sharing.visitors.pages import closed_page, password_page
from sharing.visitors.robots import refuse_robots
from sharing.visitors.visit import LASTS, Visit, decode, encode, new_visit

P = ParamSpec("P")
COOKIE = "visit"
# The same where no cookie comes along: in a frame of another site, and for programs.
PARAMETER = "visit"


class PasswordNeeded(NotAllowed):
    code = "password_needed"


class VisitorRequest(HttpRequest):
    """A request of somebody who holds a link: what it opens, and their visit."""

    opened: Opened
    visit: Visit
    # Whether the visit came with the request, or has just begun.
    visit_is_new: bool


VisitorView = Callable[Concatenate[VisitorRequest, P], HttpResponseBase]


def enter(request: HttpRequest, token: str) -> VisitorRequest:
    """Find out what the token opens and whose visit this is, whatever is asked for.

    From here on the database shows the link's organization. Raises :class:`~sharing.opening.LinkNotThere`,
    :class:`~sharing.opening.LinkClosed` and :class:`PasswordNeeded`.
    """
    visitor: VisitorRequest = request  # type: ignore[assignment] # which it becomes here
    visitor.opened = open_link(token, at=timezone.now())
    link = visitor.opened.link
    scope.enter(link.org_id)
    shown = request.GET.get(PARAMETER) or request.COOKIES.get(COOKIE) or ""
    known = decode(shown, link)
    visitor.visit, visitor.visit_is_new = known or new_visit(), known is None
    if visitor.opened.is_used_up and not (known and is_counted(link=link, visit_id=known.id)):
        raise visitor.opened.closed(LinkState.USED_UP)
    if link.password_hash and not visitor.visit.passed:
        raise PasswordNeeded("This link asks for a password.")
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


def remember(response: HttpResponseBase, request: VisitorRequest) -> None:
    """Let the browser show the visit again, to this link only, until it ends."""
    link = request.opened.link
    response.set_cookie(
        COOKIE,
        encode(request.visit, link),
        max_age=LASTS,
        path=f"/s/{link.token}",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def keep_to_visitors(response: HttpResponseBase) -> None:
    """No search engine, no cache and no other site learns of it."""
    response.headers.setdefault("Cache-Control", "private, no-store")
    response["X-Robots-Tag"] = "noindex, nofollow, noarchive, noimageindex"
    response["Referrer-Policy"] = "no-referrer"


def visited(view: VisitorView[P]) -> Callable[..., HttpResponseBase]:
    """Let in who holds a link, with their visit; inside the view the database shows its organization only.

    Who may not look gets a page: 410 for what was a link, 403 with a form for the password. Moments are told by
    the camera's clock.
    """

    @wraps(view)
    def guarded(request: HttpRequest, token: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        with scope.nothing():
            try:
                visitor = enter(request, token)
                with timezone.override(clock_of(visitor.opened.link.device)):
                    response = view(visitor, *args, **kwargs)
                if visitor.visit_is_new:
                    remember(response, visitor)
            except LinkClosed as closed:
                response = closed_page(request, closed)
            except PasswordNeeded:
                response = password_page(request)
            scope.keep_for_stream(response)
            keep_to_visitors(response)
            return response

    return login_not_required(guarded)
