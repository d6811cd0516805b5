"""How a camera hears what it is told: by a stream of events, or by asking again and again."""

from typing import Any, cast

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request

from devices.api.authentication import refuse_other_device
from devices.api.views import DeviceAPIView
from devices.models import CommandStatus, DeviceKey
from devices.services.commands import take_commands
from devices.services.sightings import note_listening, note_version
from devices.streams import CommandPoll, CommandStream, answer_of, hub, opening
from orgs.holding import can_hold, hold

LONGEST_WAIT_SECONDS = 60
# For answers that come at once and tell nothing new: so soon it is worth asking again.
ASK_AGAIN_SECONDS = 5


class ListenIn(serializers.Serializer[Any]):
    wait = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=LONGEST_WAIT_SECONDS,
        help_text="Answer in JSON as soon as there is a command, at the latest after so many seconds.",
    )
    config = serializers.BooleanField(
        default=False, help_text="Also tell when the camera's configuration was changed."
    )
    device_version = serializers.CharField(required=False, help_text="The camera's software, for people to see.")


class CommandOut(serializers.Serializer[Any]):
    cmd = serializers.CharField(help_text="capture")
    trigger_id = serializers.CharField()
    type = serializers.CharField()
    parameters = serializers.DictField(required=False)


STREAM = OpenApiResponse(
    OpenApiTypes.STR,
    description='Events, each a line `data: {…}`: `{"event":"connected"}`, `{"event":"ping"}` every 25 seconds, '
    '`{"event":"config","version":7}`, and commands.',
)
POLL = inline_serializer("CommandsOut", {"commands": CommandOut(many=True)})


class CommandList(DeviceAPIView):
    """``GET /v1/devices/{id}/commands``: what the camera is told, from now on."""

    @extend_schema(
        operation_id="devices_commands_listen",
        summary="Listen to commands",
        parameters=[ListenIn],
        responses={(200, "text/event-stream"): STREAM, (200, "application/json"): POLL},
    )
    def get(self, request: Request, name: str) -> HttpResponse:
        refuse_other_device(self.device, name)
        wanted = ListenIn(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        if version := wanted.validated_data.get("device_version", "")[:100]:
            note_version(device_id=self.device.pk, version=version)
        if "wait" in wanted.validated_data:
            response = self._poll(wanted.validated_data["wait"])
        else:
            response = self._stream(self.device.configuration_version if wanted.validated_data["config"] else None)
        response["Cache-Control"] = "no-store"
        return response

    def _stream(self, configuration_version: int | None) -> HttpResponse:
        if can_hold(self.request):
            listening = CommandStream(self.key, configuration_version)
            hub.add(listening)
            hold(self.request, listening)
            body = opening(configuration_version)
        else:
            note_listening(device_id=self.device.pk)
            body = opening(configuration_version, take_commands(device_id=self.device.pk, again=True))
        # The servers in front must pass events on as they come (nginx).
        return HttpResponse(body, content_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    def _poll(self, seconds: int) -> HttpResponse:
        response = HttpResponse(content_type="application/json")
        commands = take_commands(device_id=self.device.pk, again=True)
        if commands or not seconds or not can_hold(self.request):
            note_listening(device_id=self.device.pk)
            response.content = answer_of(commands)
            # An open command would be told again and again to who does not close it.
            if (seconds or commands) and all(command.status == CommandStatus.SENT for command in commands):
                response["Retry-After"] = str(ASK_AGAIN_SECONDS)
            return response
        listening = CommandPoll(self.key, seconds)
        hub.add(listening)
        hold(self.request, listening)
        return response

    @property
    def key(self) -> DeviceKey:
        return cast(DeviceKey, self.request.auth)
