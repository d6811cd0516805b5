"""Pages about an organization as a whole: its settings, leaving it, handing it over, and another one."""

import uuid
from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import model_to_dict
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from orgs.access import CHOSEN, MemberRequest, OrganizationNotThere, list_memberships, requires
from orgs.forms import NewOrganizationForm, ServiceForm, SettingsForm, TransferForm
from orgs.models import OwnershipTransfer, Role, User
from orgs.services.memberships import leave_organization
from orgs.services.organizations import SETTINGS, change_organization, found_organization
from orgs.services.ownership import accept_ownership, cancel_ownership, offer_ownership


@require_http_methods(["GET", "HEAD"])
@requires(Role.VIEWER)
def organization(request: MemberRequest) -> HttpResponse:
    """What every member may know; an owner changes it on the same page."""
    return _settings_page(request, SettingsForm(initial=model_to_dict(request.membership.org, SETTINGS)))


@require_POST
@requires(Role.OWNER)
def change_settings(request: MemberRequest) -> HttpResponse:
    form = SettingsForm(request.POST)
    if form.is_valid():
        with form.refusals():
            change_organization(org=request.membership.org, acting_user=request.user, **form.cleaned_data)
            messages.success(request, "Saved.")
            return redirect("organization")
    return _settings_page(request, form)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.VIEWER)
def leave(request: MemberRequest) -> HttpResponse:
    form = ServiceForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        with form.refusals():
            leave_organization(membership=request.membership)
            request.session.pop(CHOSEN, None)
            messages.success(request, f"You have left {request.membership.org}.")
            return redirect("timeline")
    return render(request, "orgs/leave.html", {"form": form}, status=form.status)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.OWNER)
def transfer(request: MemberRequest) -> HttpResponse:
    members = request.membership.org.memberships.live_at(timezone.now()).exclude(role=Role.OWNER)
    form = TransferForm(request.POST if request.method == "POST" else None, members=members.oldest_first())
    if form.is_valid():
        with form.refusals():
            offer = offer_ownership(acting_membership=request.membership, **form.cleaned_data)
            messages.success(request, f"Offered. It is done when {offer.to_user} accepts.")
            return redirect("organization")
    return render(request, "orgs/transfer.html", {"form": form, "members": members}, status=form.status)


@require_POST
@requires(Role.VIEWER)
def accept_transfer(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    accept_ownership(transfer=_transfer_or_404(request, pk), acting_user=request.user)
    messages.success(request, f"You are an owner of {request.membership.org} now.")
    return redirect("organization")


@require_POST
@requires(Role.VIEWER)
def cancel_transfer(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    cancel_ownership(transfer=_transfer_or_404(request, pk), acting_user=request.user)
    messages.success(request, "The offer is withdrawn; nothing has changed.")
    return redirect("organization")


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def new_organization(request: HttpRequest) -> HttpResponse:
    """For everybody who is logged in, also who belongs to no organization yet."""
    form = NewOrganizationForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        with form.refusals():
            person = cast(User, request.user)
            org = found_organization(owner=person, acting_user=person, **form.cleaned_data)
            request.session[CHOSEN] = str(org.pk)
            messages.success(request, f"{org} is founded, and you are its owner.")
            return redirect("timeline")
    return render(request, "orgs/new_organization.html", {"form": form}, status=form.status)


@require_POST
@login_required
def switch_organization(request: HttpRequest) -> HttpResponse:
    """Look at another of one's organizations from now on."""
    chosen = request.POST.get("organization")
    if chosen not in {str(row.org_id) for row in list_memberships(cast(User, request.user))}:
        raise OrganizationNotThere("There is no such organization, or you do not belong to it.")
    request.session[CHOSEN] = chosen
    return redirect("timeline")


def _settings_page(request: MemberRequest, form: SettingsForm) -> HttpResponse:
    org = request.membership.org
    owners = org.memberships.live_at(timezone.now()).filter(role=Role.OWNER).select_related("user")
    context = {
        "form": form if request.membership.role == Role.OWNER else None,
        "owners": owners.oldest_first(),
        "transfer": org.ownershiptransfers.pending().select_related("from_user", "to_user").first(),
    }
    return render(request, "orgs/organization.html", context, status=form.status)


def _transfer_or_404(request: MemberRequest, pk: uuid.UUID) -> OwnershipTransfer:
    return get_object_or_404(request.membership.org.ownershiptransfers.select_related("from_user"), pk=pk)
