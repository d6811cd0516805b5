"""The page an invitation's link opens, for members, strangers and people without an account alike."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from orgs.access import CHOSEN
from orgs.accounts.adapters import INVITATION
from orgs.errors import DomainError
from orgs.models import Invitation, User
from orgs.services.invitations import (
    AlreadyMember,
    ForAnotherAddress,
    InvitationClosed,
    InvitationUnknown,
    accept_invitation,
    find_invitation,
    refuse_unacceptable,
)
from orgs.wording import with_article

STATUSES: dict[type[DomainError], int] = {
    InvitationUnknown: 404,
    InvitationClosed: 410,
    AlreadyMember: 409,
    ForAnotherAddress: 403,
}


@never_cache
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Show who invites to what; whoever is logged in accepts by POST, others log in or sign up first."""
    user = request.user if isinstance(request.user, User) else None
    invitation = None
    try:
        invitation = find_invitation(token=token)
        refuse_unacceptable(invitation, user)
        if user is not None and request.method == "POST":
            return _accept(request, token, user)
    except tuple(STATUSES) as refusal:
        return _refusal(request, invitation, refusal)
    if user is None:
        # From here login and sign-up lead back; who signs up founds no organization of their own.
        request.session[INVITATION] = token
    return _page(request, "orgs/join.html", {"invitation": invitation})


def _accept(request: HttpRequest, token: str, user: User) -> HttpResponse:
    membership = accept_invitation(token=token, user=user)
    request.session.pop(INVITATION, None)
    request.session[CHOSEN] = str(membership.org_id)
    messages.success(request, f"Welcome: you are {with_article(membership.role)} of {membership.org} now.")
    return redirect("timeline")


def _refusal(request: HttpRequest, invitation: Invitation | None, refusal: DomainError) -> HttpResponse:
    status = next(status for kind, status in STATUSES.items() if isinstance(refusal, kind))
    request.session.pop(INVITATION, None)
    context = {"invitation": invitation, "refusal": refusal, "code": refusal.code}
    return _page(request, "orgs/join_refused.html", context, status)


def _page(request: HttpRequest, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    """In the organization's time zone. Who leaves by a link must not carry the token to another site."""
    invitation = context["invitation"]
    with timezone.override(invitation.org.clock if invitation else None):
        response = render(request, template, context, status=status)
    response["Referrer-Policy"] = "same-origin"
    return response
