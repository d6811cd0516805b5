"""What a link shows, as JSON for programs."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import patch_vary_headers
from rest_framework.request import Request
from rest_framework.response import Response

from captures.models import Capture
from orgs import scope
from orgs.api.views import AnyoneAPIView
from sharing.models import ShareLink
from sharing.opening import find_link
from sharing.visitors import description
from sharing.visitors.addresses import VisitorAddresses
from sharing.visitors.door import VisitorRequest, let_in, named_link, visiting
from sharing.visitors.serializers import PageAsked, PasswordIn
from sharing.visitors.showing import PageOfPictures, Showing
from sharing.visitors.visit import encode
from sharing.words import share_type_of


class SharedPictures(AnyoneAPIView):
    """``/api/s/{token}``: ``GET`` a page of pictures; ``POST`` the password, for a visit.

    The addresses in the answer carry the visit, for programs keep no cookies. Sites that may embed the link may
    also read this from their pages: what shows a picture there may know which it is.
    """

    @description.listing
    def get(self, request: Request, token: str) -> Response:
        asked = PageAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        with visiting(request._request, token) as visitor:
            showing = Showing(visitor.opened)
            page = showing.page(asked.validated_data["cursor"], limit=asked.validated_data["limit"])
            return Response(_as_json(visitor, page, asked.validated_data["limit"]))

    @description.password
    def post(self, request: Request, token: str) -> Response:
        given = PasswordIn(data=request.data)
        given.is_valid(raise_exception=True)
        with scope.nothing():
            visitor = let_in(request._request, token, password=given.validated_data["password"])
            visit, lasts = visitor.visit, visitor.visit.ends_at - visitor.opened.at
        told = {"visit": encode(visit, visitor.opened.link), "expires_in": int(lasts.total_seconds())}
        return Response(told)

    @description.hidden
    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """A browser asks first whether a site's script may send JSON."""
        with scope.nothing():
            request._request.named_link = find_link(kwargs["token"])
        return Response(status=204)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        plain = getattr(request, "_request", request)
        _let_sites_read(plain, answer, named_link(plain))
        return answer


def _let_sites_read(request: HttpRequest, response: HttpResponseBase, link: ShareLink | None) -> None:
    origin = request.headers.get("Origin", "")
    if link is None or not link.embed_origins:
        return
    patch_vary_headers(response, ["Origin"])
    if origin in link.embed_origins:
        response["Access-Control-Allow-Origin"] = origin
        if request.method == "OPTIONS":
            response["Access-Control-Allow-Methods"] = "GET, POST"
            response["Access-Control-Allow-Headers"] = "Content-Type"
            response["Access-Control-Max-Age"] = "600"


def _as_json(request: VisitorRequest, page: PageOfPictures, limit: int) -> dict[str, Any]:
    opened, link = request.opened, request.opened.link
    visit = request.addresses.visit or encode(request.visit, link)
    addresses = VisitorAddresses(link, visit)
    return {
        "share_type": share_type_of(link),
        "device_name": link.device.name,
        "expires_at": opened.ends_at,
        "visit": visit,
        "captures": [_capture(row, link, addresses) for row in page.captures],
        "next": _absolute(addresses.program(cursor=page.next, limit=limit)) if page.next else None,
    }


def _capture(row: Capture, link: ShareLink, addresses: VisitorAddresses) -> dict[str, Any]:
    told = link.verdict_shown
    return {
        "id": row.pk,
        "captured_at": row.captured_at,
        "state": row.verdict if told else None,
        "score": row.score if told else None,
        "reason": (row.reason or None) if told else None,
        "page_url": _absolute(addresses.page(row)),
        "image_url": _absolute(addresses.image(row)),
        "thumbnail_url": _absolute(addresses.thumbnail(row)),
        "original_url": _absolute(addresses.original(row)) if link.download_allowed else None,
    }


def _absolute(address: str) -> str:
    return f"{settings.VISANT_URL}{address}"
