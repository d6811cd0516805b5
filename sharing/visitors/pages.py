"""Pages for visitors who may not look, or not yet."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from sharing.opening import LinkClosed


def closed_page(request: HttpRequest, closed: LinkClosed) -> HttpResponse:
    """Say of what kind the link was, why it does not open, and how to ask again; nothing of what it showed."""
    context = {"closed": closed, "link": closed.link, "policy": closed.policy}
    return render(request, "sharing/closed.html", context, status=410)


def password_page(request: HttpRequest, *, refusal: str = "") -> HttpResponse:
    return render(request, "sharing/password.html", {"refusal": refusal}, status=403)
