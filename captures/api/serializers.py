from typing import Any

from rest_framework import serializers

from captures.api.fields import MetadataField, MomentField
from captures.models import Capture, State


class CaptureIn(serializers.Serializer[Any]):
    """What a camera says of its picture; the bytes themselves stand beside it."""

    device_id = serializers.CharField(required=False, max_length=100)
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
    to = MomentField(required=False)
    q = serializers.CharField(required=False, max_length=200)

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "from": MomentField(required=False)}


class StatusOut(serializers.ModelSerializer[Capture]):
    state = serializers.CharField(source="verdict", allow_null=True)
    reason = serializers.SerializerMethodField()

    class Meta:
        model = Capture
        fields = ("record_id", "evaluation_status", "state", "score", "reason", "evaluated_at")

    def get_reason(self, capture: Capture) -> str | None:
        return capture.reason or None


class ReceiptOut(StatusOut):
    """The receipt for a picture: it is stored, and what is known of it."""

    ingested_at = serializers.DateTimeField(source="received_at")
    image_stored = serializers.BooleanField(source="storage_key")
    thumbnail_stored = serializers.BooleanField(source="thumbnail_key")

    class Meta:
        model = Capture
        fields = (
            "record_id",
            "device_id",
            "captured_at",
            "ingested_at",
            "evaluation_status",
            "state",
            "score",
            "reason",
            "evaluated_at",
            "image_stored",
            "thumbnail_stored",
        )


class CaptureOut(ReceiptOut):
    class Meta:
        model = Capture
        fields = (
            "id",
            *ReceiptOut.Meta.fields,
            "trigger_label",
            "trigger_id",
            "metadata",
            "content_type",
            "byte_size",
            "width",
            "height",
            "sha256",
        )
