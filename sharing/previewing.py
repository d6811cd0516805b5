"""What a visitor will see, shown to the member who fills in a form: the same page, with the member's addresses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast

from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.clickjacking import xframe_options_sameorigin

from captures.models import Capture
from devices.clocks import clock_of
from orgs.forms import ServiceForm
from sharing.models import LinkState, ShareLink
from sharing.opening import CLOSED, as_if_open
from sharing.visitors.door import VisitorRequest
from sharing.visitors.galleries import draw

# An address stands in histories and logs.
NOT_IN_ADDRESSES = ("password",)
OF_THE_PAGE = ("cursor", "day")


@dataclass(frozen=True)
class MemberAddresses:
    """``here``: the address of the preview; ``asked``: the terms that it shows."""

    here: str
    asked: Mapping[str, str]
    visit = ""

    def gallery(self, **query: Any) -> str:
        said = {**self.asked, **{name: value for name, value in query.items() if value}}
        return f"{self.here}?{urlencode(said)}"

    def page(self, capture: Capture) -> str:
        return reverse("capture", args=[capture.pk])

    def image(self, capture: Capture) -> str:
        return reverse("capture-image", args=[capture.pk])

    def thumbnail(self, capture: Capture) -> str:
        return reverse("capture-thumbnail", args=[capture.pk])

    original = image


def draw_preview(request: HttpRequest, form: ServiceForm, draft: Callable[[], ShareLink]) -> HttpResponse:
    """What a visitor would see of the link that ``draft`` makes of the form, at once and with any password given.

    It need not be saved. Where the form is not right yet, the draft refused, or the link one whose maker may not
    share it any more, the frame says so.
    """
    link = None
    if form.is_valid():
        with form.refusals():
            link = draft()
    if link is None:
        return _refused(request, [text for texts in form.errors.values() for text in texts])
    visitor = cast(VisitorRequest, request)
    visitor.opened = as_if_open(link, at=timezone.now())
    if not visitor.opened.is_makers_to_share:
        return _refused(request, [CLOSED[LinkState.MAKER_GONE]])
    asked = {name: str(value) for name, value in request.GET.items() if name not in OF_THE_PAGE}
    visitor.addresses = MemberAddresses(request.path, asked)  # type: ignore[assignment] # as far as pages ask it
    with timezone.override(clock_of(link.device)):
        return draw(visitor, is_preview=True)


def _refused(request: HttpRequest, problems: Sequence[object]) -> HttpResponse:
    return render(request, "sharing/preview_refused.html", {"problems": problems})


def query_of(form: Form) -> str:
    """What the form says now, as its preview is asked for it."""
    said = {name: form[name].value() for name in form.fields if name not in NOT_IN_ADDRESSES}
    return urlencode({name: "on" if value is True else value for name, value in said.items() if value})


def shows_frame(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Let the page show a preview, which is a page of ours, in a frame."""

    @wraps(view)
    def with_frame(*args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(*args, **kwargs)
        response._csp_update = {"frame-src": "'self'"}  # type: ignore[attr-defined] # read by the middleware
        return response

    return with_frame


def in_our_frame(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Let pages of ours, and nobody else's, show this one in a frame."""

    @wraps(view)
    def framed(*args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(*args, **kwargs)
        response._csp_replace = {"frame-ancestors": "'self'"}  # type: ignore[attr-defined] # read by the middleware
        return response

    return cast(Callable[..., HttpResponseBase], xframe_options_sameorigin(framed))
