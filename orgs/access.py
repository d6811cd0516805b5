"""Who may enter: which membership a person acts by, and the smallest role that a door asks for."""

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from allauth.account.models import EmailAddress
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone

from orgs import scope
from orgs.errors import NotAllowed, NotThere
from orgs.models import AccessKeyQuerySet, Invitation, Membership, MembershipQuerySet, Organization, Role, User

P = ParamSpec("P")
# Where the session keeps the organization its person chose to look at.
CHOSEN = "organization"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class OrganizationSuspended(NotAllowed):
    code = "organization_suspended"


class RoleTooSmall(NotAllowed):
    code = "role_too_small"


class OrganizationNotThere(NotThere):
    code = "organization_not_found"


class MemberRequest(HttpRequest):
    """A request whose sender is a member: ``request.membership.org`` is the organization being looked at."""

    user: User
    membership: Membership
    # All organizations they may choose between, the one being looked at among them.
    memberships: list[Membership]


MemberView = Callable[Concatenate[MemberRequest, P], HttpResponseBase]


def memberships_of(user: User) -> MembershipQuerySet:
    """The memberships that let a person in now, the oldest first. To be read across organizations."""
    memberships: MembershipQuerySet = Membership.unscoped.filter(user=user).live_at(timezone.now())
    return memberships.select_related("org", "user").oldest_first()


def find_membership(user: User, chosen: uuid.UUID | None = None) -> Membership | None:
    """Return the person's live membership of the ``chosen`` organization, else their oldest one, else None."""
    return choose(list_memberships(user), chosen)


def list_memberships(user: User) -> list[Membership]:
    """Return the person's live memberships, the oldest first."""
    with scope.across_organizations("finds out whose member a person is"):
        return list(memberships_of(user))


def choose(memberships: list[Membership], chosen: uuid.UUID | None) -> Membership | None:
    return next((row for row in memberships if row.org_id == chosen), memberships[0] if memberships else None)


def list_invitations(user: User) -> list[Invitation]:
    """Return the open invitations of a person's address, if they have shown that the address is theirs."""
    if not EmailAddress.objects.filter(user_id=user.pk, email=user.email, verified=True).exists():
        return []
    with scope.across_organizations("finds the invitations of a person who is nobody's member yet"):
        theirs = Invitation.unscoped.open_at(timezone.now()).filter(email=user.email)
        return list(theirs.select_related("org", "created_by").newest_first())


def get_membership(user: User, org_id: uuid.UUID) -> Membership | None:
    """Return the person's live membership of exactly this organization, or None."""
    with scope.across_organizations("looks whether a person is a member"):
        return memberships_of(user).filter(org=org_id).first()


def tokens_of(membership: Membership) -> AccessKeyQuerySet:
    """The personal API tokens that a member has for this organization; nobody else's."""
    tokens: AccessKeyQuerySet = membership.org.apitokens.filter(user=membership.user_id)
    return tokens


def refuse_smaller(membership: Membership, smallest: Role) -> None:
    """Refuse who acts for a suspended organization, or by a role that does not cover ``smallest``."""
    refuse_suspended(membership.org)
    if not Role(membership.role).covers(smallest):
        raise RoleTooSmall(f"This needs the role {smallest}.")


def refuse_suspended(org: Organization) -> None:
    """Raise :class:`OrganizationSuspended` while the operator does not let the organization be used."""
    if org.suspended_at is not None:
        raise OrganizationSuspended("This organization is suspended. Its operator can say why.")


def requires(
    smallest: Role,
) -> Callable[[MemberView[P]], Callable[Concatenate[HttpRequest, P], HttpResponseBase]]:
    """Let in members with at least the role ``smallest``; the page is shown in the organization's time zone.

    A change is refused to who has lost the organization they chose: it would be made in another one.
    A person without any organization, or whose organization is suspended, sees a page that says so; too small a
    role is a 403. Inside the view the database shows rows of this organization only.
    """

    def decorate(view: MemberView[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
        @wraps(view)
        def guarded(request: MemberRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            request.memberships = list_memberships(request.user)
            chosen = chosen_organization(request)
            membership = choose(request.memberships, chosen)
            if membership is None:
                invitations = list_invitations(request.user)
                return render(request, "orgs/no_organization.html", {"invitations": invitations}, status=403)
            request.membership = membership
            if request.method not in SAFE_METHODS and chosen not in (None, membership.org_id):
                return _to_another(request)
            if chosen is None and len(request.memberships) > 1:
                # What is being looked at is a choice, too: a form of it must not land elsewhere when it ends.
                request.session[CHOSEN] = str(membership.org_id)
            if membership.org.suspended_at is not None:
                return render(request, "orgs/suspended.html", status=403)  # from there one can go to another
            refuse_smaller(membership, smallest)
            with scope.within(membership.org_id), timezone.override(membership.org.clock):
                response = view(request, *args, **kwargs)
                scope.keep_for_stream(response)
                return response

        guarded.smallest_role = smallest  # type: ignore[attr-defined] # what `manage.py permissions` reads
        return guarded  # type: ignore[return-value] # what comes in is a plain request, what goes on a member's

    return decorate


def _to_another(request: MemberRequest) -> HttpResponse:
    """Do nothing for who sends a form of an organization that let them out since; they see another one now."""
    del request.session[CHOSEN]
    messages.warning(
        request,
        "You are not a member of the organization you were looking at any more, so nothing was done. "
        f"Now you look at {request.membership.org}.",
    )
    return redirect("timeline")


def chosen_organization(request: HttpRequest) -> uuid.UUID | None:
    text = request.session.get(CHOSEN)
    return uuid.UUID(text) if text else None
