"""``/v1/devices/{id}/schedules``: when a camera takes pictures by itself."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from visant_camera.rule_checks import LONGEST_CRON, LONGEST_JITTER
from visant_camera.schedule import as_told

from devices.api.views import get_device
from devices.clocks import lost_zone, zone_of
from devices.models import Device, Schedule
from devices.planning import words_of
from devices.rules_in_words import in_words
from devices.services.schedules import (
    LONGEST_LABEL,
    add_schedule,
    change_schedule,
    get_schedule,
    make_rule,
    newest_rule,
    next_runs,
    remove_schedule,
)
from orgs.api.parsers import JSONParser
from orgs.api.serializers.base import In, received
from orgs.api.views import MemberAPIView
from orgs.models import Role


class RuleIn(In):
    """Either ``cron`` or ``interval_seconds``. Quiet hours begin at ``quiet_from``, which is quiet."""

    cron = serializers.CharField(max_length=LONGEST_CRON, required=False, allow_null=True)
    interval_seconds = serializers.IntegerField(required=False, allow_null=True)
    weekdays = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=6),
        max_length=7,
        required=False,
        help_text="0 for Monday to 6 for Sunday; empty: all.",
    )
    quiet_from = serializers.TimeField(required=False, allow_null=True, input_formats=["%H:%M"], format="%H:%M")
    quiet_until = serializers.TimeField(required=False, allow_null=True, input_formats=["%H:%M"], format="%H:%M")
    jitter_seconds = serializers.IntegerField(required=False, min_value=0, max_value=LONGEST_JITTER)


class NewScheduleIn(RuleIn):
    label = serializers.CharField(max_length=LONGEST_LABEL)  # type: ignore[assignment]
    enabled = serializers.BooleanField(required=False)


class ScheduleIn(RuleIn):
    label = serializers.CharField(max_length=LONGEST_LABEL, required=False)  # type: ignore[assignment]
    enabled = serializers.BooleanField(required=False)


class RuleOut(serializers.Serializer[Any]):
    cron = serializers.CharField(allow_null=True)
    interval_seconds = serializers.IntegerField(allow_null=True)
    time_zone = serializers.CharField()
    weekdays = serializers.ListField(child=serializers.IntegerField())
    quiet_from = serializers.TimeField(allow_null=True, format="%H:%M")
    quiet_until = serializers.TimeField(allow_null=True, format="%H:%M")
    jitter_seconds = serializers.IntegerField()
    in_words = serializers.CharField()
    next_runs = serializers.ListField(
        child=serializers.DateTimeField(), help_text="The next three, before jitter; of one switched off none."
    )


class ScheduleOut(RuleOut):
    """A schedule with the rule that holds, or will when it is switched on."""

    id = serializers.UUIDField()
    label = serializers.CharField()  # type: ignore[assignment]
    enabled = serializers.BooleanField()
    next_run_at = serializers.DateTimeField(allow_null=True, help_text="With jitter.")
    last_run_at = serializers.DateTimeField(allow_null=True, help_text="The last run that the camera was told of.")


class SchedulesOut(serializers.Serializer[Any]):
    time_zone_note = serializers.CharField(help_text="Why another zone than the chosen one is used; else empty.")
    schedules = ScheduleOut(many=True)


def shown(device: Device, schedule: Schedule) -> dict[str, Any]:
    """What :class:`ScheduleOut` has of a schedule, which comes with its rules."""
    rule = newest_rule(schedule)
    zone = zone_of(device)
    shown_rule = {**as_told(rule), "in_words": words_of(rule, fallback=zone)}
    shown_rule["next_runs"] = next_runs(rule, fallback=zone) if schedule.enabled else []
    own = ("id", "label", "enabled", "next_run_at", "last_run_at")
    return {**shown_rule, **{name: getattr(schedule, name) for name in own}}


class ScheduleList(MemberAPIView):
    """``GET``: all of them, there are at most twenty, the oldest first. ``POST`` adds one."""

    parser_classes = [JSONParser]
    smallest_roles = {"POST": Role.ADMIN}

    @extend_schema(operation_id="devices_schedules_list", responses=SchedulesOut)
    def get(self, request: Request, name: str) -> Response:
        device = get_device(self, name)
        kept = device.schedules.kept().order_by("pk").prefetch_related("rules")
        found = [shown(device, schedule) for schedule in kept]
        return Response(SchedulesOut({"time_zone_note": lost_zone(device), "schedules": found}).data)

    @extend_schema(request=NewScheduleIn, responses={201: ScheduleOut})
    def post(self, request: Request, name: str) -> Response:
        device = get_device(self, name)
        schedule = add_schedule(device=device, acting_user=self.person, **received(NewScheduleIn, request))
        return Response(ScheduleOut(shown(device, schedule)).data, status=201)


class ScheduleDetail(MemberAPIView):
    """``PATCH`` changes what is sent. ``DELETE`` ends it; the calendar still knows what was to come until then."""

    parser_classes = [JSONParser]
    smallest_roles = {"PATCH": Role.ADMIN, "DELETE": Role.ADMIN}

    @extend_schema(responses=ScheduleOut)
    def get(self, request: Request, name: str, schedule_pk: uuid.UUID) -> Response:
        device, schedule = self.find(name, schedule_pk)
        return Response(ScheduleOut(shown(device, schedule)).data)

    @extend_schema(request=ScheduleIn, responses=ScheduleOut)
    def patch(self, request: Request, name: str, schedule_pk: uuid.UUID) -> Response:
        _, schedule = self.find(name, schedule_pk)
        change_schedule(schedule=schedule, acting_user=self.person, **received(ScheduleIn, request))
        return Response(ScheduleOut(shown(*self.find(name, schedule_pk))).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, name: str, schedule_pk: uuid.UUID) -> Response:
        remove_schedule(schedule=self.find(name, schedule_pk)[1], acting_user=self.person)
        return Response(status=204)

    def find(self, name: str, schedule_pk: uuid.UUID) -> tuple[Device, Schedule]:
        device = get_device(self, name)
        return device, get_schedule(device=device, pk=schedule_pk)


class SchedulePreview(MemberAPIView):
    """``POST`` a rule, and see it in words and its next three runs. Nothing is saved."""

    parser_classes = [JSONParser]
    smallest_role = Role.ADMIN

    @extend_schema(request=RuleIn, responses=RuleOut)
    def post(self, request: Request, name: str) -> Response:
        rule = make_rule(device=get_device(self, name), **received(RuleIn, request))
        answer = {**rule.to_dict(), "in_words": in_words(rule), "next_runs": next_runs(rule)}
        return Response(RuleOut(answer).data)
