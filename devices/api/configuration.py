"""``/v1/devices/{id}/config``: for a camera what it is to do and what it says it does, for people both."""

import hashlib
import json
from typing import Any, cast

from django.http import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, PolymorphicProxySerializer, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from devices.api.authentication import refuse_other_device
from devices.api.views import DeviceOrMemberAPIView, get_device
from devices.models import Device, DeviceKey
from devices.services.configuration import (
    desired_configuration,
    differences_of,
    is_in_sync,
    report_configuration,
)
from devices.services.configuring import configure_device
from devices.services.rotation import Waiting, deliver, waiting_for
from orgs.api.parsers import JSONParser
from orgs.api.serializers.base import In, received
from orgs.models import Role


class PictureIn(In):
    max_width = serializers.IntegerField(required=False, allow_null=True)
    quality = serializers.IntegerField(required=False, allow_null=True)


class ConfigurationIn(In):
    """What a person changes; what is left out stays. ``time_zone`` "": the organization's."""

    time_zone = serializers.CharField(max_length=64, required=False, allow_blank=True)
    heartbeat_seconds = serializers.IntegerField(required=False)
    poll_seconds = serializers.IntegerField(required=False)
    picture = PictureIn(required=False)


class NewKeyOut(serializers.Serializer[Any]):
    text = serializers.CharField()
    replaces = serializers.CharField(help_text="The prefix of the key that ends once this one was used.")
    old_ends_at = serializers.DateTimeField(allow_null=True)


class DesiredOut(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    device = serializers.DictField()
    time_zone = serializers.CharField()
    heartbeat_seconds = serializers.IntegerField()
    poll_seconds = serializers.IntegerField()
    picture = serializers.DictField()
    schedules = serializers.ListField(child=serializers.DictField())
    direct_upload = serializers.BooleanField(
        required=False, help_text="Pictures may be put into the bucket, by POST /v1/captures/presign."
    )
    key = NewKeyOut(required=False)


class DifferenceOut(serializers.Serializer[Any]):
    about = serializers.CharField()
    topic = serializers.CharField()
    wants = serializers.CharField()
    says = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True)
    sentence = serializers.CharField()


class BothOut(serializers.Serializer[Any]):
    """``in_sync``: it has told what it does, and that is what it is to do."""

    desired = serializers.DictField()
    reported = serializers.DictField(allow_null=True)
    reported_version = serializers.IntegerField(allow_null=True)
    reported_at = serializers.DateTimeField(allow_null=True)
    configured_at = serializers.DateTimeField()
    in_sync = serializers.BooleanField()
    differences = DifferenceOut(many=True)


EITHER = PolymorphicProxySerializer(
    component_name="Configuration", serializers=[DesiredOut, BothOut], resource_type_field_name=None
)


class Configuration(DeviceOrMemberAPIView):
    """``GET`` by its camera: what it is to do, 304 while unchanged. ``PUT`` by its camera: what it does.

    By a person ``GET`` shows both and where they differ; ``PUT`` by an admin changes what it is to do.
    """

    parser_classes = [JSONParser]
    smallest_roles = {"PUT": Role.ADMIN}

    @extend_schema(responses={200: EITHER, 304: OpenApiResponse(None, "Unchanged, by its ETag.")})
    def get(self, request: Request, name: str) -> HttpResponseBase:
        if self.device is None:
            return Response(_both(get_device(self, name)))
        refuse_other_device(self.device, name)
        return _delivered(request, self.device, cast(DeviceKey, request.auth))

    @extend_schema(request={"application/json": OpenApiTypes.OBJECT}, responses=EITHER)
    def put(self, request: Request, name: str) -> Response:
        if self.device is None:
            device = get_device(self, name)
            configure_device(device=device, acting_user=self.person, **received(ConfigurationIn, request))
            return Response(_both(device))
        refuse_other_device(self.device, name)
        report_configuration(device=self.device, reported=request.data)
        return Response(desired_configuration(self.device))


def _delivered(request: Request, device: Device, shown: DeviceKey) -> HttpResponseBase:
    """The configuration, with the key that is to replace the one that was shown, if one waits."""
    desired, waiting = desired_configuration(device), waiting_for(shown)
    etag = _etag(desired, waiting)
    response = get_conditional_response(request._request, etag=etag)
    if response is None:
        response = Response({**desired, **_key(deliver(waiting, to=shown), shown)} if waiting else desired)
    response["ETag"] = etag
    response["Cache-Control"] = "no-store" if waiting else "private, no-cache"
    return response


def _key(new: Waiting, shown: DeviceKey) -> dict[str, Any]:
    key = {"text": new.text, "replaces": shown.prefix, "old_ends_at": new.old_ends_at}
    return {"key": NewKeyOut(key).data}


def _etag(desired: dict[str, Any], waiting: DeviceKey | None) -> str:
    """Of all there is to deliver: a camera's name or its organization's time zone change without a new version."""
    text = json.dumps([desired, waiting.prefix if waiting else None], sort_keys=True)
    return quote_etag(hashlib.sha256(text.encode()).hexdigest()[:20])


def _both(device: Device) -> dict[str, Any]:
    status = device.status
    says = status.reported_configuration if status.reported_at else None
    differences = differences_of(device, status)
    both = {
        "desired": desired_configuration(device),
        "reported": says,
        "reported_version": status.reported_version,
        "reported_at": status.reported_at,
        "configured_at": device.configured_at,
        "in_sync": is_in_sync(status, differences),
        "differences": [{**one._asdict(), "sentence": one.sentence} for one in differences],
    }
    return dict(BothOut(both).data)
