"""Fields as cameras write them."""

import json
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from rest_framework import serializers

METADATA_LIMIT = 16 * 1024


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
                moment.timestamp()  # a year 1 or 9999 with an offset leaves the calendar
        except (ValueError, OverflowError):
            moment = None
        if moment is None:
            self.fail("invalid")
        return moment

    def to_representation(self, value: datetime) -> str:
        return value.isoformat()


class MetadataField(serializers.JSONField):
    """A JSON object, given as one or as its text, of at most 16 KB."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, str):
            try:
                data = json.loads(data)
            except ValueError as error:
                raise serializers.ValidationError("metadata must be a JSON object.") from error
        if not isinstance(data, dict):
            raise serializers.ValidationError("metadata must be a JSON object.")
        try:
            text = json.dumps(data, allow_nan=False)
        except ValueError as error:
            raise serializers.ValidationError("metadata must not hold NaN or Infinity.") from error
        if len(text) > METADATA_LIMIT:
            raise serializers.ValidationError("metadata is larger than 16 KB.")
        if "\\u0000" in text:
            raise serializers.ValidationError("metadata must not hold NUL characters.")
        return data
