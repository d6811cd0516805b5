"""Telling a camera to take a picture, what it answers, and how it says that it is well."""

import math
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from devices.access import commands_of
from devices.api.authentication import refuse_other_device
from devices.api.views import DeviceAPIView, get_device
from devices.models import Command, CommandStatus
from devices.services.commands import acknowledge_command, ask_for_picture, find_command
from devices.services.heartbeats import note_heartbeat
from orgs.api.parsers import JSONParser
from orgs.api.serializers.base import In, received
from orgs.api.views import MemberAPIView
from orgs.models import Role

LARGEST = 2**63 - 1
NO_REASON = "The camera did not say why."


class TriggerIn(In):
    trigger_id = serializers.CharField(max_length=100, required=False, help_text="Made here if missing.")
    type = serializers.CharField(max_length=100, required=False, help_text="Why: “manual” if missing.")


class CommandRowOut(serializers.Serializer[Command]):
    """Something a camera was told. ``sent`` says only that it was written to a connection."""

    trigger_id = serializers.CharField()
    status = serializers.ChoiceField(choices=CommandStatus.values)
    cmd = serializers.CharField(source="kind")
    type = serializers.CharField(source="trigger_type")
    parameters = serializers.DictField()
    reason = serializers.CharField(help_text="Why it failed, as the camera told; else empty.")
    created_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField()


class AckIn(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=["done", "failed"], default="done")
    reason = serializers.CharField(max_length=2000, required=False, allow_blank=True)


class AckOut(serializers.Serializer[Command]):
    trigger_id = serializers.CharField()
    status = serializers.ChoiceField(choices=CommandStatus.values, help_text="As it is now.")


class FiniteField(serializers.FloatField):
    """A number; DRF's own takes "nan" and "inf" for one."""

    default_error_messages = {"finite": "A finite number is needed."}

    def to_internal_value(self, data: Any) -> float:
        value: float = super().to_internal_value(data)
        if not math.isfinite(value):
            self.fail("finite")
        return value


class HeartbeatIn(serializers.Serializer[Any]):
    """What a camera tells of itself; whatever else it tells is not kept."""

    version = serializers.CharField(max_length=100, required=False, allow_blank=True)
    spool_count = serializers.IntegerField(required=False, min_value=0, max_value=LARGEST)
    spool_bytes = serializers.IntegerField(required=False, min_value=0, max_value=LARGEST)
    dropped_count = serializers.IntegerField(required=False, min_value=0, max_value=LARGEST)
    free_bytes = serializers.IntegerField(required=False, min_value=0, max_value=LARGEST)
    clock_offset_seconds = FiniteField(required=False)
    temperature_c = FiniteField(required=False, allow_null=True)
    uptime_seconds = FiniteField(required=False, min_value=0)


class Trigger(MemberAPIView):
    """``POST /v1/devices/{id}/trigger``: have the camera take a picture now, or as soon as it listens."""

    parser_classes = [JSONParser]
    smallest_role = Role.MEMBER

    @extend_schema(summary="Take a picture now", request=TriggerIn, responses={202: CommandRowOut})
    def post(self, request: Request, name: str) -> Response:
        given = received(TriggerIn, request)
        if "type" in given:
            given["trigger_type"] = given.pop("type")
        command = ask_for_picture(device=get_device(self, name), acting_user=self.person, **given)
        return Response(CommandRowOut(command).data, status=202)


class CommandDetail(MemberAPIView):
    @extend_schema(summary="Show how far a command is", responses=CommandRowOut)
    def get(self, request: Request, name: str, trigger_id: str) -> Response:
        commands = commands_of(self.membership, get_device(self, name))
        command = find_command(commands=commands, trigger_id=trigger_id)
        return Response(CommandRowOut(command).data)


class Acknowledgement(DeviceAPIView):
    """``POST …/commands/{trigger_id}/ack``: the camera did it, or could not. Saying it again changes nothing."""

    parser_classes = [JSONParser]

    @extend_schema(summary="Say what became of a command", request=AckIn, responses=AckOut)
    def post(self, request: Request, name: str, trigger_id: str) -> Response:
        refuse_other_device(self.device, name)
        incoming = AckIn(data=request.data)
        incoming.is_valid(raise_exception=True)
        says = incoming.validated_data
        failure = (says.get("reason") or NO_REASON) if says["status"] == "failed" else ""
        command = acknowledge_command(device=self.device, trigger_id=trigger_id, failure=failure)
        return Response(AckOut(command).data)


class Heartbeat(DeviceAPIView):
    """``POST /v1/devices/{id}/heartbeat``: the camera is there, and says how it is."""

    parser_classes = [JSONParser]

    @extend_schema(summary="Say that the camera is well", request=HeartbeatIn, responses={204: None})
    def post(self, request: Request, name: str) -> Response:
        refuse_other_device(self.device, name)
        incoming = HeartbeatIn(data=request.data)
        incoming.is_valid(raise_exception=True)
        note_heartbeat(device=self.device, **incoming.validated_data)
        return Response(status=204)
