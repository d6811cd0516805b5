"""``/v1/share-links`` and ``/v1/devices/{id}/share``: links as members' programs make, see and take them back."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from captures.access import captures_of
from captures.api.views import CaptureNotThere
from captures.models import Capture
from devices.api.views import get_device
from devices.models import Device
from orgs.absolute import absolute_url
from orgs.api.parsers import JSONParser
from orgs.api.serializers.base import received
from orgs.api.views import MemberAPIView
from orgs.models import Role, User
from sharing.access import link_of, links_of, policy_of
from sharing.api.serializers import (
    LinksAsked,
    QRAsked,
    RevokedOut,
    RevokeIn,
    ShareChangeIn,
    ShareIn,
    ShareOut,
    SharingPolicyIn,
    SharingPolicyOut,
)
from sharing.finding import in_state, matching
from sharing.models import LinkKind, LinkState, ShareLink
from sharing.opening import LinkNotThere, states_of
from sharing.qr import qr_png, qr_svg
from sharing.services.links import change_link, create_link, revoke_all, revoke_link
from sharing.services.policies import set_sharing_policy
from sharing.spans import span_of_given
from sharing.words import KINDS_BY_SHARE_TYPE

QR_TYPES = {"png": "image/png", "svg": "image/svg+xml"}


class _Links(MemberAPIView):
    """Viewers share nothing; who else may is the organization's to say (:mod:`sharing.access`)."""

    parser_classes = [JSONParser]
    smallest_role = Role.MEMBER

    def get_link(self, token: str) -> ShareLink:
        link = link_of(self.membership, token)
        if link is None:
            raise LinkNotThere("There is no such link.")
        return link

    def told(self, links: Iterable[ShareLink]) -> list[Any]:
        """Links with their states, by as many queries for many as for one."""
        links = list(links)
        states = states_of(links, at=timezone.now())
        return [ShareOut(link, context={"states": states}).data for link in links]


class ShareDevice(_Links):
    """``POST``: share a camera's pictures, one of them, those of a span of days, or always its newest."""

    @extend_schema(summary="Share pictures of a camera", request=ShareIn, responses={201: ShareOut})
    def post(self, request: Request, name: str) -> Response:
        device = get_device(self, name)
        given = received(ShareIn, request)
        if given.pop("device_id", device.pk) != device.pk:
            raise serializers.ValidationError({"device_id": "This is not the camera in the address."})
        what = self._what(device, given)
        link = create_link(membership=self.membership, device=device, **what, **given)
        [answer] = self.told([link])
        return Response(answer, status=201)

    def _what(self, device: Device, given: dict[str, Any]) -> dict[str, Any]:
        kind = KINDS_BY_SHARE_TYPE[given.pop("share_type")]
        capture_id, start, end = (given.pop(name, None) for name in ("capture_id", "start_date", "end_date"))
        if kind == LinkKind.CAPTURE:
            return {"kind": kind, "capture": self._capture(device, capture_id)}
        if kind == LinkKind.RANGE:
            try:
                since, until = span_of_given(device, start, end)
            except OverflowError:
                raise serializers.ValidationError({"end_date": "That is beyond the calendar."}) from None
            return {"kind": kind, "range_from": since, "range_until": until}
        return {"kind": kind}

    def _capture(self, device: Device, name: str) -> Capture:
        capture = captures_of(self.membership, device).named(name).first()
        if capture is None:
            raise CaptureNotThere("There is no such picture.")
        return capture


class LinkList(_Links, ListAPIView[ShareLink]):
    """The links a member may see: an admin all, another member those they made."""

    serializer_class = ShareOut
    results_key = "share_links"
    keyset_field = "created_at"

    @extend_schema(summary="List links, newest first", parameters=[LinksAsked])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        rows = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.told(rows or []))

    def get_queryset(self) -> QuerySet[ShareLink]:
        asked = LinksAsked(data=self.request.query_params)
        asked.is_valid(raise_exception=True)
        narrow: dict[str, Any] = asked.validated_data
        links = links_of(self.membership).select_related("device", "org", "created_by")
        if "device_id" in narrow:
            links = links.filter(device=get_device(self, narrow["device_id"]))
        if "state" in narrow:
            links = in_state(links, LinkState(narrow["state"]), org=self.org, at=timezone.now())
        return matching(links, narrow["q"]) if "q" in narrow else links


class LinkDetail(_Links):
    """``PATCH`` changes how it shows what it shows. ``DELETE`` takes it back, for good; its row stays."""

    @extend_schema(summary="Show a link", responses=ShareOut)
    def get(self, request: Request, token: str) -> Response:
        return Response(self.told([self.get_link(token)])[0])

    @extend_schema(summary="Change a link", request=ShareChangeIn, responses=ShareOut)
    def patch(self, request: Request, token: str) -> Response:
        link = self.get_link(token)
        change_link(link=link, membership=self.membership, **received(ShareChangeIn, request))
        return self.get(request, token)

    @extend_schema(summary="Take a link back", responses={204: None})
    def delete(self, request: Request, token: str) -> Response:
        revoke_link(link=self.get_link(token), membership=self.membership)
        return Response(status=204)


class LinkQRCode(_Links):
    """The link's address as a QR code."""

    @extend_schema(
        summary="Draw a link as a QR code",
        parameters=[QRAsked],
        responses={(200, kind): OpenApiResponse(OpenApiTypes.BINARY, "The code.") for kind in QR_TYPES.values()},
    )
    def get(self, request: Request, token: str) -> HttpResponse:
        asked = QRAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        kind, size = asked.validated_data["format"], asked.validated_data["size"]
        draw = qr_svg if kind == "svg" else qr_png
        url = absolute_url("share", self.get_link(token).token)
        drawn = draw(url, size=size, correction=asked.validated_data["error_correction"])
        return HttpResponse(drawn, content_type=QR_TYPES[kind], headers={"Cache-Control": "private, max-age=3600"})


class RevokeLinks(_Links):
    """Take back all links of a camera, of who made them, or of the organization."""

    smallest_role = Role.ADMIN

    @extend_schema(summary="Take many links back", request=RevokeIn, responses=RevokedOut)
    def post(self, request: Request) -> Response:
        given = received(RevokeIn, request)
        device = get_device(self, given["device_id"]) if "device_id" in given else None
        maker = self._maker(given["created_by"]) if "created_by" in given else None
        count = revoke_all(membership=self.membership, device=device, maker=maker)
        return Response(RevokedOut({"revoked": count}).data)

    def _maker(self, email: str) -> User:
        """Somebody of whom there are links, member or not any more."""
        link = (
            links_of(self.membership).filter(created_by__email__iexact=email).select_related("created_by").first()
        )
        if link is None or link.created_by is None:
            raise serializers.ValidationError({"created_by": "Nobody of that address has made a link here."})
        return link.created_by


class Policy(_Links):
    """What members may share, and whether links open at all."""

    smallest_roles = {"PATCH": Role.ADMIN}

    @extend_schema(summary="Show what may be shared", responses=SharingPolicyOut)
    def get(self, request: Request) -> Response:
        return Response(SharingPolicyOut(policy_of(self.org)).data)

    @extend_schema(summary="Say what may be shared", request=SharingPolicyIn, responses=SharingPolicyOut)
    def patch(self, request: Request) -> Response:
        policy = set_sharing_policy(membership=self.membership, **received(SharingPolicyIn, request))
        return Response(SharingPolicyOut(policy).data)
