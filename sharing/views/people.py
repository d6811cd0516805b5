"""The page on which a member is removed: it tells how many links end with that."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from orgs.access import MemberRequest, requires
from orgs.forms import ServiceForm
from orgs.models import Membership, Role
from orgs.services.memberships import remove_member
from sharing.finding import in_state
from sharing.models import LinkState


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.ADMIN)
def remove_person(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    member = get_object_or_404(request.membership.org.memberships.select_related("user"), pk=pk)
    form = ServiceForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        with form.refusals():
            remove_member(membership=member, acting_membership=request.membership)
            messages.success(request, f"{member.user} is not a member any more.")
            return redirect("people")
    context = {"form": form, "member": member, "open_links": _open_links(member)}
    return render(request, "sharing/remove_member.html", context, status=form.status)


def _open_links(member: Membership) -> int:
    links = member.org.share_links.filter(created_by=member.user_id)
    return in_state(links, LinkState.OPEN, org=member.org, at=timezone.now()).count()
