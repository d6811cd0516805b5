from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from devices.clocks import lost_zone
from devices.health import Condition, Light, Truth, condition_of
from devices.models import Device, Installation
from orgs.api.serializers.base import In


class HardwareOut(serializers.Serializer[Installation]):
    """The unit that serves a camera."""

    serial = serializers.CharField(source="unit.serial")
    model = serializers.CharField(source="unit.model")
    since = serializers.DateTimeField(source="installed_at")


class TruthOut(serializers.Serializer[Truth]):
    """One light, since when it is as it is where that is known, and a sentence that says how it is."""

    state = serializers.ChoiceField(choices=list(Light))
    since = serializers.DateTimeField(allow_null=True)
    sentence = serializers.CharField()


class ConditionOut(serializers.Serializer[Condition]):
    """How the camera is. ``sentence`` says why it is not well; it is empty exactly when ``state`` is good."""

    state = serializers.ChoiceField(choices=list(Light))
    sentence = serializers.CharField(allow_blank=True)
    reachable = TruthOut()
    delivering = TruthOut()
    usable = TruthOut()


class DeviceOut(serializers.Serializer[Device]):
    """A camera, whether it is in service, what serves it, and how it is (``devices/health.py``)."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=["active", "suspended", "retired"])
    time_zone = serializers.CharField(help_text="Empty: the organization's.")
    time_zone_note = serializers.SerializerMethodField()
    hardware = HardwareOut(source="installation", allow_null=True)
    created_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField(source="status.last_seen_at", allow_null=True)
    condition = serializers.SerializerMethodField()

    def get_time_zone_note(self, device: Device) -> str:
        return lost_zone(device)

    @extend_schema_field(ConditionOut)
    def get_condition(self, device: Device) -> dict[str, Any]:
        return dict(ConditionOut(condition_of(device, timezone.now())).data)


class NewDeviceOut(DeviceOut):
    """A camera just added, and its first key, shown this once."""

    key = serializers.SerializerMethodField()

    def get_key(self, device: Device) -> str:
        return str(self.context["key"])


class NewDeviceIn(In):
    name = serializers.CharField(max_length=200)


class DeviceIn(In):
    name = serializers.CharField(max_length=200, required=False)
    time_zone = serializers.CharField(max_length=64, required=False, allow_blank=True)


class ClaimIn(In):
    """The code, or the whole text of the label's QR code; for a new camera its name, else the camera's id."""

    code = serializers.CharField(max_length=100, required=False)
    serial = serializers.CharField(max_length=64, required=False)
    qr = serializers.CharField(max_length=2000, required=False)
    name = serializers.CharField(max_length=200, required=False)
    device_id = serializers.UUIDField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("code" in attrs) == ("qr" in attrs):
            raise serializers.ValidationError("Send either code or qr.")
        if ("name" in attrs) == ("device_id" in attrs):
            raise serializers.ValidationError("Send either name, for a new camera, or device_id.")
        return attrs


class UnitClaimIn(serializers.Serializer[Any]):
    """What a unit tells of itself. It may tell more than is known here: units outlive versions."""

    serial = serializers.CharField(max_length=64)
    code = serializers.CharField(max_length=100)
    model = serializers.CharField(max_length=100, required=False, allow_blank=True)
    version = serializers.CharField(max_length=100, required=False, allow_blank=True)


class UnclaimedOut(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=["unclaimed"])
    retry_after_seconds = serializers.IntegerField()


class HandedOutOut(serializers.Serializer[Any]):
    """The camera that the unit serves from now on, and the key it shows as that camera, told this once."""

    device_id = serializers.UUIDField(source="device.pk")
    key = serializers.CharField()
    name = serializers.CharField(source="device.name")
