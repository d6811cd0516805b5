from datetime import date, timedelta
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from captures.calendar.days import Break, DayReport
from captures.calendar.matching import Answer, Match, Sight
from captures.calendar.models import CalendarDay, Rejection
from captures.calendar.reading import MOST_DAYS

MONTH = timedelta(days=30)


class CalendarFilter(serializers.Serializer[Any]):
    """Which days: ``from`` to ``to``, both included, 366 at most; by default the last 31."""

    to = serializers.DateField(required=False)

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "from": serializers.DateField(required=False)}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Fill in what is missing; ``today`` of the context is the camera's."""
        today = self.context["today"]
        last = attrs.get("to") or max(today, attrs.get("from") or today)
        first = attrs.get("from") or last - min(MONTH, last - date.min)
        if not 0 <= (last - first).days < MOST_DAYS:
            raise serializers.ValidationError(f"Ask for 1 to {MOST_DAYS} days, from the first to the last.")
        return {"first": first, "last": last}


class DayOut(serializers.Serializer[CalendarDay]):
    """A day on the camera's clock. expected = received + late + missing + rejected."""

    day = serializers.DateField()
    expected = serializers.IntegerField()
    received = serializers.IntegerField()
    late = serializers.IntegerField()
    missing = serializers.IntegerField()
    rejected = serializers.IntegerField()
    unplanned = serializers.IntegerField()
    unplanned_rejected = serializers.IntegerField()
    settled_at = serializers.DateTimeField()


class CalendarOut(serializers.Serializer[Any]):
    device_id = serializers.UUIDField()
    time_zone = serializers.CharField()
    time_zone_note = serializers.CharField(help_text="Why another zone than the chosen one is used; else empty.")
    days = DayOut(many=True)


class RejectionOut(serializers.Serializer[Rejection]):
    """A picture that was refused, ``count`` times."""

    record_id = serializers.CharField()
    captured_at = serializers.DateTimeField()
    code = serializers.CharField()
    detail = serializers.CharField()
    count = serializers.IntegerField()
    first_at = serializers.DateTimeField()
    last_at = serializers.DateTimeField()


class LineOut(serializers.Serializer[Match]):
    """A planned picture; ``due``: it may still come in time."""

    state = serializers.ChoiceField(choices=list(Answer), source="answer")
    due_at = serializers.DateTimeField(source="run.due")
    schedule_id = serializers.UUIDField(source="run.schedule_id")
    label = serializers.CharField(source="run.label")  # type: ignore[assignment] # only a name here
    trigger_id = serializers.CharField(source="run.trigger_id")
    capture_id = serializers.SerializerMethodField()
    captured_at = serializers.SerializerMethodField()
    rejection = RejectionOut(allow_null=True)

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_capture_id(self, line: Match) -> str | None:
        return str(line.sight.pk) if line.sight and not line.sight.deleted else None

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_captured_at(self, line: Match) -> str | None:
        moment = serializers.DateTimeField()
        return moment.to_representation(line.sight.captured_at) if line.sight else None


class SightOut(serializers.Serializer[Sight]):
    """A picture beside the plan; its id is null once it was deleted."""

    capture_id = serializers.SerializerMethodField()
    captured_at = serializers.DateTimeField()

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_capture_id(self, sight: Sight) -> str | None:
        return None if sight.deleted else str(sight.pk)


class BreakOut(serializers.Serializer[Break]):
    """A time in which the camera was suspended or retired; ``until`` null: it goes on."""

    since = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True)


class DayReportOut(serializers.Serializer[DayReport]):
    """A day with each of its planned pictures, and what came and what was refused beside the plan."""

    counts = DayOut()
    planned = LineOut(many=True, source="lines")
    unplanned = SightOut(many=True)
    rejections = RejectionOut(many=True)
    out_of_service = BreakOut(many=True, source="breaks")
