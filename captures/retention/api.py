"""``/v1/retention`` and ``/v1/devices/{id}/retention``: how long pictures are kept, for programs."""

import uuid

from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from captures.retention.foreseeing import limited_to, preview_of
from captures.retention.models import Forecast
from captures.retention.policies import check_rule, remove_policy, set_policy
from captures.retention.preview import current_rules
from captures.retention.pruning import next_run_at
from captures.retention.rules import Rule
from captures.retention.serializers import (
    ForecastOut,
    RetentionIn,
    RetentionOut,
    RetentionPreviewIn,
    RetentionPreviewOut,
    as_rule,
)
from captures.retention.trying import try_rule
from devices.api.views import get_device
from devices.models import Device
from orgs.api.parsers import JSONParser
from orgs.api.serializers.base import received
from orgs.api.views import MemberAPIView
from orgs.errors import NotThere, Unavailable
from orgs.models import Role

# A worker takes minutes.
ASK_AGAIN_SECONDS = 5
FORESEEN = {200: RetentionPreviewOut, 202: ForecastOut}


class ForecastFailed(Unavailable):
    code = "forecast_failed"


def answer_with(forecast: Forecast) -> Response:
    """200 with the numbers; 202 with where to ask for them while they are being counted."""
    if forecast.state == "failed":
        raise ForecastFailed(forecast.error)
    if (numbers := preview_of(forecast)) is not None:
        return Response(RetentionPreviewOut(numbers).data)
    url = reverse("api-retention-forecast", args=[forecast.pk])
    headers = {"Location": url, "Retry-After": str(ASK_AGAIN_SECONDS)}
    said = {"id": forecast.pk, "url": url, "at": forecast.at, "asked_at": forecast.asked_at}
    return Response(ForecastOut(said).data, status=202, headers=headers)


class _Retention(MemberAPIView):
    parser_classes = [JSONParser]
    smallest_role = Role.ADMIN

    def answer(self, device: Device | None) -> Response:
        rules = current_rules(self.org)
        own = rules.get(device.pk if device else None)
        said = {
            "rule": own or rules.get(None, Rule()),
            "own": own is not None,
            "plan_days": self.org.retention_days,
            "next_run_at": next_run_at(self.org, timezone.now()),
        }
        return Response(RetentionOut(said).data)

    def keep(self, request: Request, device: Device | None) -> Response:
        rule = as_rule(received(RetentionIn, request))
        set_policy(org=self.org, rule=rule, device=device, acting_user=self.person)
        return self.answer(device)

    def foresee(self, request: Request, device: Device | None) -> Response:
        said = received(RetentionIn if device else RetentionPreviewIn, request)
        org = limited_to(self.org, said.pop("plan_days", self.org.retention_days))
        rule = as_rule(said)
        check_rule(org, rule)
        return answer_with(try_rule(org, current_rules(self.org), rule=rule, device=device))


class RetentionForecast(_Retention):
    """What a preview that was answered with 202 has come to."""

    @extend_schema(summary="Fetch what a rule would delete", responses=FORESEEN)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        forecast = self.org.forecasts.filter(pk=pk).first()
        if forecast is None:
            raise NotThere("There is no such forecast, or not any more.")
        return answer_with(forecast)


class OrganizationRetention(_Retention):
    """What holds for cameras without a rule of their own."""

    @extend_schema(summary="Show how long pictures are kept", responses=RetentionOut)
    def get(self, request: Request) -> Response:
        return self.answer(None)

    @extend_schema(summary="Say how long pictures are kept", request=RetentionIn, responses=RetentionOut)
    def put(self, request: Request) -> Response:
        return self.keep(request, None)


class OrganizationRetentionPreview(_Retention):
    """What the next night would delete in the whole organization if that rule were saved; nothing is."""

    @extend_schema(summary="Foresee what a rule would delete", request=RetentionPreviewIn, responses=FORESEEN)
    def post(self, request: Request) -> Response:
        return self.foresee(request, None)


class CameraRetention(_Retention):
    """A camera's own rule replaces its organization's, whole; ``DELETE`` takes it away."""

    @extend_schema(summary="Show how long a camera's pictures are kept", responses=RetentionOut)
    def get(self, request: Request, name: str) -> Response:
        return self.answer(get_device(self, name))

    @extend_schema(
        summary="Say how long a camera's pictures are kept", request=RetentionIn, responses=RetentionOut
    )
    def put(self, request: Request, name: str) -> Response:
        return self.keep(request, get_device(self, name))

    @extend_schema(summary="Let a camera go by its organization's rule", responses=RetentionOut)
    def delete(self, request: Request, name: str) -> Response:
        device = get_device(self, name)
        remove_policy(device=device, acting_user=self.person)
        return self.answer(device)


class CameraRetentionPreview(_Retention):
    """What the next night would delete of the camera if that rule were saved; nothing is."""

    @extend_schema(summary="Foresee what a rule would delete of a camera", request=RetentionIn, responses=FORESEEN)
    def post(self, request: Request, name: str) -> Response:
        return self.foresee(request, get_device(self, name))
