"""Pages for visitors who may not look, or not yet."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from orgs.errors import TooManyRequests
from sharing.opening import LinkClosed
from sharing.services.links import LONGEST_PASSWORD
from sharing.words import kind_in_words


def closed_page(request: HttpRequest, closed: LinkClosed) -> HttpResponse:
    """Say of what kind the link was, why it does not open, and how to ask again; nothing of what it showed."""
    context = {"closed": closed, "kind": kind_in_words(closed.link), "contact": closed.policy.contact}
    return render(request, "sharing/visitor/closed.html", context, status=410)


def password_page(request: HttpRequest, *, refusal: Exception | None = None) -> HttpResponse:
    """Ask for the password; the form goes to where it was asked for. Nothing is told of what it opens."""
    context = {"refusal": refusal, "longest": LONGEST_PASSWORD}
    page = render(request, "sharing/visitor/password.html", context, status=403)
    if isinstance(refusal, TooManyRequests):
        page.status_code = 429
        page["Retry-After"] = str(refusal.retry_after)
    return page
