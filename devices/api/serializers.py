from rest_framework import serializers

from devices.models import Device


class DeviceOut(serializers.Serializer[Device]):
    """A camera, and when it was last heard of."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    created_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField(source="status.last_seen_at", allow_null=True)
