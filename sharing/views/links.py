"""Pages about one link: what it says and how it is, its QR code and sign; changing it and taking it back."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from devices.clocks import clock_of
from orgs.absolute import absolute_url
from orgs.access import MemberRequest, requires
from orgs.models import Role
from sharing.access import links_of, policy_of
from sharing.days import days_of
from sharing.forms.links import ChangeForm
from sharing.models import LinkState, ShareLink
from sharing.opening import CLOSED, as_if_open, states_of
from sharing.previewing import draw_preview, in_our_frame, query_of, shows_frame
from sharing.qr import qr_png, qr_svg
from sharing.services.links import change_link, draft_change, revoke_link
from sharing.sign import sign_of
from sharing.words import shows_in_words

# Pixels: enough for a poster.
PNG_SIZE = 1024


@never_cache
@require_safe
@requires(Role.MEMBER)
def link_page(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    link, now = _link_or_404(request, pk), timezone.now()
    state = states_of([link], at=now)[link.pk]
    context = {
        "link": link,
        "url": absolute_url("share", link.token),
        "embed_code": _embed_code(link) if link.embed_origins else "",
        "state": state,
        "is_open": state == LinkState.OPEN,
        "shows": shows_in_words(link),
        "ends_at": as_if_open(link, at=now).ends_at,
        "days": days_of(link, at=now),
        "zone": clock_of(link.device),
    }
    return render(request, "sharing/link.html", context)


@shows_frame
@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.MEMBER)
def change(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    link = _link_or_404(request, pk)
    data = request.POST if request.method == "POST" else None
    form = ChangeForm(data, link=link, policy=policy_of(link.org))
    if form.is_valid() and "preview" not in request.POST:
        with form.refusals():
            change_link(link=link, membership=request.membership, password=form.new_password(), **form.terms())
            messages.success(request, "Saved. It holds from now on, also for who looks already.")
            return redirect("share-link", pk)
    context = {
        "form": form,
        "link": link,
        "state": states_of([link], at=timezone.now())[link.pk],
        "shows": shows_in_words(link),
        "preview_url": reverse("preview-changed-link", args=[pk]),
        "preview_query": query_of(form),
    }
    return render(request, "sharing/change_link.html", context, status=form.status)


@in_our_frame
@require_safe
@requires(Role.MEMBER)
def preview_change(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    link = _link_or_404(request, pk)
    form = ChangeForm(request.GET, link=link, policy=policy_of(link.org))
    return draw_preview(
        request, form, lambda: draft_change(link=link, membership=request.membership, **form.terms())
    )


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.MEMBER)
def take_back(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Ask first; then take it back for good."""
    link = _link_or_404(request, pk)
    if request.method == "POST":
        revoke_link(link=link, membership=request.membership)
        messages.success(request, "The link is taken back; it opens nothing any more.")
        return redirect("share-link", pk)
    return render(request, "sharing/take_back_link.html", {"link": link, "shows": shows_in_words(link)})


@never_cache
@require_safe
@requires(Role.MEMBER)
def qrcode_png(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """The link's address, to scan and to print."""
    return HttpResponse(qr_png(_address(request, pk), size=PNG_SIZE), content_type="image/png")


@never_cache
@require_safe
@requires(Role.MEMBER)
def qrcode_svg(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    return HttpResponse(qr_svg(_address(request, pk)), content_type="image/svg+xml")


@never_cache
@require_safe
@requires(Role.MEMBER)
def sign(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """A page to print and put up: that there is a camera, for how long its pictures are kept, whom to ask."""
    link = _link_or_404(request, pk)
    context = {
        "link": link,
        "sign": sign_of(link),
        "is_admin": Role(request.membership.role).covers(Role.ADMIN),
        "closed": CLOSED.get(states_of([link], at=timezone.now())[link.pk], ""),
    }
    return render(request, "sharing/sign.html", context)


def _address(request: MemberRequest, pk: uuid.UUID) -> str:
    return absolute_url("share", _link_or_404(request, pk).token)


def _embed_code(link: ShareLink) -> str:
    """What another site puts into its page, as text."""
    address, title = absolute_url("share-embed", link.token), escape(link.device.name)
    return f'<iframe src="{address}" title="{title}" width="640" height="480" loading="lazy"></iframe>'


def _link_or_404(request: MemberRequest, pk: uuid.UUID) -> ShareLink:
    links = links_of(request.membership).select_related("device__org", "org", "capture", "created_by")
    return get_object_or_404(links, pk=pk)
