"""Fields as cameras write them."""

import json
from datetime import UTC, datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from orgs.storable import NotStorable, refuse_unstorable

METADATA_LIMIT = 16 * 1024


@extend_schema_field(OpenApiTypes.DATETIME)
class MomentField(serializers.Field[datetime, str, str, Any]):
    """ISO 8601 with any offset. One without an offset stays naive: the service notes the doubt."""

    default_error_messages = {"invalid": "Write the moment in ISO 8601, like 2026-11-20T08:30:00+01:00."}

    def to_internal_value(self, data: Any) -> datetime:
        if not isinstance(data, str):
            self.fail("invalid")
        text = data.strip()
        # A plus that was not escaped in a query arrives as a space.
        if len(text) > 6 and text[-6] == " ":
            text = f"{text[:-6]}+{text[-5:]}"
        try:
            moment = parse_datetime(text)
            if moment is not None and moment.tzinfo is not None:
                moment.astimezone(UTC)  # a year 1 or 9999 with an offset leaves the calendar
        except (ValueError, OverflowError):
            moment = None
        if moment is None:
            self.fail("invalid")
        return moment

    def to_representation(self, value: datetime) -> str:
        return value.isoformat()


class MomentInUTCField(MomentField):
    """The same, for questions: a moment without an offset is UTC."""

    def to_internal_value(self, data: Any) -> datetime:
        moment = super().to_internal_value(data)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@extend_schema_field(OpenApiTypes.OBJECT)
class MetadataField(serializers.JSONField):
    """A JSON object, given as one or as its text, of at most 16 KB."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, str):
            try:
                data = json.loads(data)
            except (ValueError, RecursionError) as error:
                raise serializers.ValidationError("metadata must be a JSON object.") from error
        try:
            refuse_unstorable(data, limit=METADATA_LIMIT)
        except NotStorable as error:
            raise serializers.ValidationError(f"metadata {error}") from error
        known: dict[str, Any] = data
        return known
