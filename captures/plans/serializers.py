from rest_framework import serializers

from devices.plans import Plan
from orgs.api.serializers.base import In
from orgs.limits import Use


class RedeemIn(In):
    code = serializers.CharField(max_length=60)


class UseOut(serializers.Serializer[Use]):
    """How much of one limit is used; ``limit`` and ``percent`` are null where there is none."""

    used = serializers.IntegerField(min_value=0)
    limit = serializers.IntegerField(source="most", allow_null=True, min_value=0)
    percent = serializers.IntegerField(allow_null=True, min_value=0)
    warning = serializers.IntegerField(source="level", help_text="The level that is reached: 0, 70, 90 or 100.")


class MonthlyUseOut(UseOut):
    month = serializers.DateField(source="period", help_text="The first day of the month, in UTC.")


class TrialOut(serializers.Serializer[Use]):
    ends_at = serializers.DateTimeField()
    days_left = serializers.IntegerField(min_value=0)
    warning = serializers.IntegerField(
        source="level", help_text="70: 7 days are left; 90: one; 100: it has ended."
    )


class PlanOut(serializers.Serializer[Plan]):
    """What the plan covers and how much of it is used. ``trial`` is null without an end of it.

    ``reason`` is the sentence why pictures are kept but not judged at present, null while they are judged.
    """

    cameras = UseOut()
    bytes = UseOut()
    evaluations = MonthlyUseOut()
    trial = TrialOut(allow_null=True)
    reason = serializers.SerializerMethodField()

    def get_reason(self, plan: Plan) -> str | None:
        return plan.why_not_judged or None
