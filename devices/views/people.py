"""Pages about the people of an organization: who is a member, how far, and who is invited.

Removing one is a page of :mod:`sharing.views.people`, which tells of the links that end with it.
"""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from devices.access import devices_of
from devices.forms.people import AccessForm, InviteForm, cameras_in_words
from orgs.access import MemberRequest, requires
from orgs.models import Invitation, Membership, Role
from orgs.services.invitations import invite, link_of, resend_invitation, revoke_invitation
from orgs.services.memberships import change_membership

INVITATIONS_SHOWN = 200


@require_safe
@requires(Role.ADMIN)
def people(request: MemberRequest) -> HttpResponse:
    org = request.membership.org
    names = dict(org.devices.values_list("pk", "name"))
    own = Role(request.membership.role)
    members = [
        (row, cameras_in_words(row, names), own.covers(Role(row.role)))
        for row in org.memberships.select_related("user").oldest_first()
    ]
    waiting = org.invitations.unanswered().select_related("created_by").newest_first()[:INVITATIONS_SHOWN]
    invitations = [(row, cameras_in_words(row, names)) for row in waiting]
    return render(request, "devices/people.html", {"members": members, "invitations": invitations})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.ADMIN)
def invite_person(request: MemberRequest) -> HttpResponse:
    form = InviteForm(request.POST or None, acting=request.membership, devices=devices_of(request.membership))
    if form.is_valid():
        given = {name: form.cleaned_data[name] for name in ("email", "open_for")}
        with form.refusals():
            invitation, token = invite(acting_membership=request.membership, **given, **form.access())
            return _link_page(request, invitation, token)
    return render(request, "devices/invite.html", {"form": form}, status=form.status)


@never_cache
@require_POST
@requires(Role.ADMIN)
def send_again(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    invitation, token = resend_invitation(
        invitation=_invitation_or_404(request, pk), acting_membership=request.membership
    )
    return _link_page(request, invitation, token)


@require_POST
@requires(Role.ADMIN)
def take_back(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    revoke_invitation(invitation=_invitation_or_404(request, pk), acting_membership=request.membership)
    messages.success(request, "The invitation is taken back; its link opens nothing any more.")
    return redirect("people")


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.ADMIN)
def change_member(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    row = _member_or_404(request, pk)
    form = AccessForm(
        request.POST or None, acting=request.membership, devices=devices_of(request.membership), row=row
    )
    if form.is_valid():
        with form.refusals():
            change_membership(membership=row, acting_membership=request.membership, **form.access())
            messages.success(request, f"Saved: {row.user}.")
            return redirect("people")
    return render(request, "devices/change_member.html", {"form": form, "member": row}, status=form.status)


def _member_or_404(request: MemberRequest, pk: uuid.UUID) -> Membership:
    return get_object_or_404(request.membership.org.memberships.select_related("user"), pk=pk)


def _invitation_or_404(request: MemberRequest, pk: uuid.UUID) -> Invitation:
    return get_object_or_404(request.membership.org.invitations, pk=pk)


def _link_page(request: MemberRequest, invitation: Invitation, token: str) -> HttpResponse:
    """Show a link the only time there is: the page is not to be kept by a browser, nor by anything between."""
    return render(request, "devices/invited.html", {"invitation": invitation, "link": link_of(token)})
