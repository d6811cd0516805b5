"""``/v1/devices/{id}/keys``: the keys of a camera.

A personal token reads them, but makes, replaces and ends none: a key would outlive the token that made it.
"""

import uuid
from typing import cast

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from devices.api.views import get_device
from devices.models import DeviceKey
from devices.services.keys import get_key, issue_key, revoke_key
from devices.services.rotation import DAYS, LONGEST_DAYS, rotate_key
from orgs.api.parsers import JSONParser
from orgs.api.serializers.base import In, received
from orgs.api.serializers.tokens import AccessKeyOut
from orgs.api.views import MemberAPIView
from orgs.models import Role
from orgs.models.tokens import LARGEST_QUOTA


class KeyIn(In):
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    daily_quota = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=LARGEST_QUOTA)


class RotationIn(In):
    days = serializers.IntegerField(default=DAYS, min_value=1, max_value=LONGEST_DAYS)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, help_text="The end of the new key.")


class KeyOut(AccessKeyOut):
    """``waiting``: it is to replace the key ``replaces``, and was not used yet; ``delivered_at``: fetched."""

    replaces = serializers.UUIDField(source="replaces_id", allow_null=True)
    waiting = serializers.BooleanField(source="is_waiting")
    delivered_at = serializers.DateTimeField(allow_null=True)


class DeviceKeyNewOut(KeyOut):
    key = serializers.SerializerMethodField(help_text="The key itself, shown this once.")

    def get_key(self, key: DeviceKey) -> str:
        return str(self.context["text"])


class KeyList(MemberAPIView, ListAPIView[DeviceKey]):
    """``GET``: the camera's keys, newest first. ``POST`` makes one; its text is in the answer, this once."""

    parser_classes = [JSONParser]
    smallest_role = Role.ADMIN
    login_methods = ("POST",)
    serializer_class = KeyOut
    results_key = "keys"
    keyset_field = "created_at"

    def get_queryset(self) -> QuerySet[DeviceKey]:
        keys = get_device(self, self.kwargs["name"]).keys
        return cast(QuerySet[DeviceKey], keys.with_usage())

    @extend_schema(request=KeyIn, responses={201: DeviceKeyNewOut})
    def post(self, request: Request, name: str) -> Response:
        device = get_device(self, name)
        key, text = issue_key(device=device, acting_user=self.person, **received(KeyIn, request))
        answer = DeviceKeyNewOut(device.keys.with_usage().get(pk=key.pk), context={"text": text})
        return Response(answer.data, status=201, headers={"Cache-Control": "no-store"})


class KeyDetail(MemberAPIView):
    """``DELETE`` revokes a key, at once: what is open with it ends."""

    smallest_role = Role.ADMIN
    login_methods = ("DELETE",)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, name: str, key_pk: uuid.UUID) -> Response:
        revoke_key(key=get_key(get_device(self, name), key_pk), acting_user=self.person)
        return Response(status=204)


class KeyRotation(MemberAPIView):
    """``POST`` makes a key that the camera fetches with its configuration; the old one ends once it was used."""

    parser_classes = [JSONParser]
    smallest_role = Role.ADMIN
    login_methods = ("POST",)

    @extend_schema(request=RotationIn, responses={202: KeyOut})
    def post(self, request: Request, name: str, key_pk: uuid.UUID) -> Response:
        device = get_device(self, name)
        wanted = received(RotationIn, request)
        new = rotate_key(device=device, key=get_key(device, key_pk), acting_user=self.person, **wanted)
        return Response(KeyOut(device.keys.with_usage().get(pk=new.pk)).data, status=202)
