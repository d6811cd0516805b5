"""Claiming a unit by its label: what its owner sends, and what the unit itself asks."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from devices.api.serializers import ClaimIn, DeviceOut, HandedOutOut, UnclaimedOut, UnitClaimIn
from devices.api.views import get_device
from devices.services.claims import ASK_AGAIN_SECONDS, claim_unit, hand_out_key
from devices.services.labels import Claim, read_label
from orgs.api.parsers import JSONParser
from orgs.api.serializers.base import received
from orgs.api.views import AnyoneAPIView, MemberAPIView
from orgs.models import Role


class ClaimDevice(MemberAPIView):
    """``POST``: take the unit of a label for a new camera (``name``) or as new hardware of one (``device_id``).

    A personal token may: the key goes to the unit, not to the caller.
    """

    parser_classes = [JSONParser]
    smallest_role = Role.ADMIN

    @extend_schema(request=ClaimIn, responses={201: DeviceOut})
    def post(self, request: Request) -> Response:
        sent = received(ClaimIn, request)
        given = get_device(self, str(sent["device_id"])) if "device_id" in sent else None
        device = claim_unit(
            org=self.org,
            claim=self._claim_of(sent),
            name=sent.get("name", ""),
            device=given,
            acting_user=self.person,
        )
        return Response(DeviceOut(get_device(self, str(device.pk))).data, status=201)

    def _claim_of(self, sent: dict[str, str]) -> Claim:
        if "qr" in sent:
            return read_label(sent["qr"])
        return Claim(read_label(sent["code"]).code, sent.get("serial", ""))


class ClaimUnit(AnyoneAPIView):
    """``POST``: a unit asks for the key of its camera. 202 until somebody has claimed it, then the key."""

    @extend_schema(request=UnitClaimIn, responses={200: HandedOutOut, 202: UnclaimedOut})
    def post(self, request: Request) -> Response:
        incoming = UnitClaimIn(data=request.data)
        incoming.is_valid(raise_exception=True)
        handed_out = hand_out_key(**incoming.validated_data)
        no_store = {"Cache-Control": "no-store"}
        if handed_out is not None:
            return Response(HandedOutOut(handed_out).data, headers=no_store)
        answer = UnclaimedOut({"status": "unclaimed", "retry_after_seconds": ASK_AGAIN_SECONDS})
        return Response(answer.data, status=202, headers={**no_store, "Retry-After": str(ASK_AGAIN_SECONDS)})
