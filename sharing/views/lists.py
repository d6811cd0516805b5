"""The list of links, and taking back many of them at once."""

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
from sharing.spans import days_of_span
from sharing.words import shows_in_words

PAGE_SIZE = 50


@never_cache
@require_safe
@requires(Role.MEMBER)
def links(request: MemberRequest) -> HttpResponse:
    """Those that the member may see, newest first."""
    org, now, cursor = request.membership.org, timezone.now(), request.GET.get("cursor", "")
    form = LinkFilter(request.GET)
    wanted = _narrowed(request, form).select_related("device__org", "created_by")
    rows, next_cursor = newest_page(wanted, cursor=cursor, limit=PAGE_SIZE, field="created_at")
    states = states_of(rows, at=now)
    context = {
        "form": form,
        "rows": [(row, states[row.pk], shows_in_words(row), days_of_span(row)) for row in rows],
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
    asked = request.POST if request.method == "POST" else request.GET
    devices = devices_of(request.membership)
    form = TakeBackForm(asked, org=request.membership.org, devices=devices)
    is_chosen = form.is_valid() and (request.method == "POST" or "show" in request.GET)
    if is_chosen and request.method == "POST":
        count = revoke_all(membership=request.membership, **form.chosen)
        messages.success(request, f"{count} link{'' if count == 1 else 's'} taken back.")
        return redirect("sharing")
    chosen = links_among(request.membership, **form.chosen).filter(revoked_at=None) if is_chosen else None
    context = {"form": form, "chosen": chosen, "count": None if chosen is None else chosen.count()}
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
