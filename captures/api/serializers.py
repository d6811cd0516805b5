from typing import Any

from rest_framework import serializers

from captures.api.fields import MetadataField, MomentField, MomentInUTCField
from captures.models import Capture, State


class CaptureIn(serializers.Serializer[Any]):
    """What a camera says of its picture; the bytes themselves stand beside it."""

    device_id = serializers.CharField(required=False, max_length=500)
    # It stands in URLs, so no slash; everything else a camera may call its picture is fine.
    record_id = serializers.RegexField(
        r"\A[^/\x00-\x1f\x7f]+\Z",
        required=False,
        max_length=200,
        error_messages={"invalid": "record_id must not hold slashes or control characters."},
    )
    captured_at = MomentField(required=False)
    trigger_label = serializers.CharField(required=False, allow_blank=True, max_length=100)
    trigger_id = serializers.CharField(required=False, allow_blank=True, max_length=100)
    metadata = MetadataField(required=False)


class CaptureFilter(serializers.Serializer[Any]):
    """How the list can be narrowed: ``from`` is included, ``to`` is not."""

    device_id = serializers.CharField(required=False)
    state = serializers.ChoiceField(choices=State.choices, required=False)
    to = MomentInUTCField(required=False)
    q = serializers.CharField(required=False, max_length=200)

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "from": MomentInUTCField(required=False)}


class StatusOut(serializers.Serializer[Capture]):
    """How far the evaluation is, and what it found."""

    record_id = serializers.CharField()
    evaluation_status = serializers.CharField()
    state = serializers.CharField(source="verdict", allow_null=True)
    score = serializers.FloatField(allow_null=True)
    reason = serializers.SerializerMethodField()
    evaluated_at = serializers.DateTimeField(allow_null=True)

    def get_reason(self, capture: Capture) -> str | None:
        return capture.reason or None


class ReceiptOut(StatusOut):
    """The receipt for a picture: it is stored, and what is known of it."""

    device_id = serializers.UUIDField()
    captured_at = serializers.DateTimeField()
    ingested_at = serializers.DateTimeField(source="received_at")
    image_stored = serializers.BooleanField(source="storage_key")
    thumbnail_stored = serializers.BooleanField(source="thumbnail_key")


class CaptureOut(ReceiptOut):
    """All that is known of a picture."""

    id = serializers.UUIDField()
    trigger_label = serializers.CharField()
    trigger_id = serializers.CharField()
    metadata = serializers.DictField()
    content_type = serializers.CharField()
    byte_size = serializers.IntegerField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    sha256 = serializers.CharField()
