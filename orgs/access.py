"""Who may enter a page."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from orgs.models import Membership, Role, User

P = ParamSpec("P")


class MemberRequest(HttpRequest):
    """A request whose sender is a member: ``request.membership.org`` is the organization being looked at."""

    user: User
    membership: Membership


MemberView = Callable[Concatenate[MemberRequest, P], HttpResponseBase]


def requires(
    smallest: Role,
) -> Callable[[MemberView[P]], Callable[Concatenate[HttpRequest, P], HttpResponseBase]]:
    """Let in members with at least the role ``smallest``; the page is shown in the organization's time zone.

    A person without any organization sees a page that says so; too small a role is a 403.
    """

    def decorate(view: MemberView[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
        @wraps(view)
        def guarded(request: MemberRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            membership = request.user.memberships.select_related("org").order_by("created_at").first()
            if membership is None:
                return render(request, "orgs/no_organization.html", status=403)
            if not Role(membership.role).covers(smallest):
                raise PermissionDenied(f"This needs the role {smallest}.")
            request.membership = membership
            with timezone.override(membership.org.time_zone):
                return view(request, *args, **kwargs)

        return guarded  # type: ignore[return-value]

    return decorate
