from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from captures.retention.rules import Rule
from orgs.api.serializers.base import In
from orgs.models.organizations import LONGEST_RETENTION_DAYS


def _days(least: int, **options: Any) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=least, max_value=LONGEST_RETENTION_DAYS, **options)


class ThinningIn(In):
    """All pictures of ``all_days``, then one an hour of ``hourly_days``, then one a day, nearest to noon."""

    all_days = _days(1)
    hourly_days = _days(0)


class RetentionIn(In):
    """What is kept, all of it: what is left out deletes nothing."""

    days = _days(1, required=False, allow_null=True, default=None)
    bytes = serializers.IntegerField(
        min_value=1, max_value=2**63 - 1, required=False, allow_null=True, default=None
    )
    thinning = ThinningIn(required=False, allow_null=True, default=None)
    hold = serializers.BooleanField(required=False, default=False)


class RetentionPreviewIn(RetentionIn):
    """``plan_days``: what would be kept at most; left out, what is now."""

    plan_days = _days(1, required=False, allow_null=True)


def as_rule(given: dict[str, Any]) -> Rule:
    thinning = given.pop("thinning") or {}
    return Rule(**given, **thinning)


class ThinningOut(serializers.Serializer[Rule]):
    all_days = serializers.IntegerField()
    hourly_days = serializers.IntegerField()


class RetentionOut(serializers.Serializer[Any]):
    """``own``: of a camera, whether it has a rule of its own. ``plan_days``: nothing is kept longer."""

    days = serializers.IntegerField(source="rule.days", allow_null=True)
    bytes = serializers.IntegerField(source="rule.bytes", allow_null=True)
    thinning = serializers.SerializerMethodField()
    hold = serializers.BooleanField(source="rule.hold")
    own = serializers.BooleanField()
    plan_days = serializers.IntegerField(allow_null=True)
    next_run_at = serializers.DateTimeField()

    @extend_schema_field(ThinningOut(allow_null=True))
    def get_thinning(self, answer: dict[str, Any]) -> dict[str, Any] | None:
        rule: Rule = answer["rule"]
        return None if rule.all_days is None else dict(ThinningOut(rule).data)


class RetentionPreviewOut(serializers.Serializer[Any]):
    """What goes at ``at``; ``kept`` counts what would, by what keeps it."""

    at = serializers.DateTimeField()
    pictures = serializers.IntegerField()
    bytes = serializers.IntegerField()
    kept = serializers.DictField(child=serializers.IntegerField())
    sentence = serializers.CharField()


class ForecastOut(serializers.Serializer[Any]):
    """It is being counted since ``asked_at``; ``url`` answers with the numbers once they are there, for a day."""

    id = serializers.UUIDField()
    url = serializers.CharField()
    at = serializers.DateTimeField()
    asked_at = serializers.DateTimeField()
