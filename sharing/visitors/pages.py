"""Pages for visitors who may not look, or not yet."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from orgs.errors import TooManyRequests
from sharing.models import ShareLink
from sharing.opening import LinkClosed
from sharing.services.links import LONGEST_PASSWORD
from sharing.visitors.addresses import VisitorAddresses
from sharing.words import kind_in_words


def closed_page(request: HttpRequest, closed: LinkClosed) -> HttpResponse:
    """Say of what kind the link was, why it does not open, and how to ask again; nothing of what it showed."""
    context = {"closed": closed, "kind": kind_in_words(closed.link), "contact": closed.policy.contact}
    return _notice(request, "sharing/visitor/closed.html", closed.link, context, status=410)


def password_page(request: HttpRequest, link: ShareLink, *, refusal: Exception | None = None) -> HttpResponse:
    """Ask for the password; the form goes to where it was asked for. Nothing is told of what it opens."""
    context = {"refusal": refusal, "longest": LONGEST_PASSWORD}
    page = _notice(request, "sharing/visitor/password.html", link, context, status=403)
    if isinstance(refusal, TooManyRequests):
        page.status_code = 429
        page["Retry-After"] = str(refusal.retry_after)
    return page


def _notice(
    request: HttpRequest, template: str, link: ShareLink, context: dict[str, Any], *, status: int
) -> HttpResponse:
    match = request.resolver_match
    in_frame = match is not None and match.url_name == "share-embed"
    report = VisitorAddresses(link).report
    return render(request, template, context | {"report": report, "in_frame": in_frame}, status=status)
