"""The plan, for programs."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from captures.plans.serializers import PlanOut, RedeemIn
from devices.plans import plan_of
from orgs.api.parsers import JSONParser
from orgs.api.serializers.base import received
from orgs.api.views import MemberAPIView
from orgs.models import Role
from orgs.services.plans import redeem_code


class PlanDetail(MemberAPIView):
    """``GET /v1/orgs/current/plan``: what the plan covers, and how much of it is used."""

    smallest_role = Role.ADMIN

    @extend_schema(responses=PlanOut)
    def get(self, request: Request) -> Response:
        return Response(PlanOut(plan_of(self.org)).data)


class Redeem(MemberAPIView):
    """``POST /v1/orgs/current/redeem``: an activation code for the plan, which is answered as it is then."""

    smallest_role = Role.OWNER
    parser_classes = [JSONParser]

    @extend_schema(request=RedeemIn, responses=PlanOut)
    def post(self, request: Request) -> Response:
        redeem_code(org=self.org, acting_user=self.person, **received(RedeemIn, request))
        return Response(PlanOut(plan_of(self.org)).data)
