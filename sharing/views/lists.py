"""The list of links, and taking back many of them at once."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from devices.access import devices_of
from orgs.access import MemberRequest, requires
from orgs.keyset import newest_page
from orgs.models import Role
from sharing.access import links_among, links_of, policy_of
from sharing.finding import in_state, matching
from sharing.forms.lists import LinkFilter, TakeBackForm
from sharing.models import LinkState, ShareLinkQuerySet
from sharing.opening import states_of
from sharing.services.links import revoke_all
from sharing.spans import days_shown
from sharing.words import shows_in_words

PAGE_SIZE = 50


@never_cache
@require_safe
@requires(Role.MEMBER)
def links(request: MemberRequest) -> HttpResponse:
    """Those that the member may see, newest first."""
    org, now, cursor = request.membership.org, timezone.now(), request.GET.get("cursor", "")
    form = LinkFilter(request.GET)
    wanted = _narrowed(request, form).select_related("device__org", "capture", "created_by")
    rows, next_cursor = newest_page(wanted, cursor=cursor, limit=PAGE_SIZE, field="created_at")
    states = states_of(rows, at=now)
    context = {
        "form": form,
        "rows": [(row, states[row.pk], shows_in_words(row), days_shown(row)) for row in rows],
        "policy": policy_of(org),
        "next_cursor": next_cursor,
        "is_first_page": not cursor,
        "is_narrowed": any(request.GET.get(name) for name in form.fields),
        "is_admin": Role(request.membership.role).covers(Role.ADMIN),
    }
    return render(request, "sharing/links.html", context, status=200 if form.is_valid() else 400)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.ADMIN)
def take_back_many(request: MemberRequest) -> HttpResponse:
    """Choose which, see how many, and then take them back for good."""
    is_meant = request.method == "POST"
    asked, org = request.POST if is_meant else request.GET, request.membership.org
    form = TakeBackForm(asked, org=org, devices=devices_of(request.membership), is_meant=is_meant)
    context: dict[str, Any] = {"form": form}
    if form.is_valid() and is_meant:
        count = revoke_all(membership=request.membership, **form.chosen)
        messages.success(request, f"{count} link{'' if count == 1 else 's'} taken back.")
        return redirect("sharing")
    if form.is_valid() and "show" in asked:
        chosen = links_among(request.membership, **form.chosen).filter(revoked_at=None)
        context |= {
            "count": chosen.count(),
            "open_count": in_state(chosen, LinkState.OPEN, org=org, at=timezone.now()).count(),
        }
    return render(request, "sharing/take_back.html", context, status=200 if form.is_valid() else 400)


def _narrowed(request: MemberRequest, form: LinkFilter) -> ShareLinkQuerySet:
    found = links_of(request.membership)
    if not form.is_valid():
        return found.none()
    if words := form.cleaned_data["search"]:
        found = matching(found, words)
    if state := form.cleaned_data["state"]:
        found = in_state(found, LinkState(state), org=request.membership.org, at=timezone.now())
    return found
