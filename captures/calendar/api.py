"""``/v1/devices/{id}/calendar``: expected against received pictures, for programs."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from captures.calendar.reading import parse_day, read_day, read_days
from captures.calendar.serializers import CalendarFilter, CalendarOut, DayReportOut
from devices.api.views import get_device
from devices.clocks import clock_of, lost_zone, zone_of
from orgs.api.views import MemberAPIView


class Calendar(MemberAPIView):
    """The days that were counted, the earliest first."""

    @extend_schema(
        operation_id="devices_calendar_list",
        summary="Show a camera's days: expected and received pictures",
        parameters=[CalendarFilter],
        responses=CalendarOut,
    )
    def get(self, request: Request, name: str) -> Response:
        device, now = get_device(self, name), timezone.now()
        today = now.astimezone(clock_of(device)).date()
        wanted = CalendarFilter(data=request.query_params, context={"today": today})
        wanted.is_valid(raise_exception=True)
        days: dict[str, Any] = wanted.validated_data
        answer = {
            "device_id": device.pk,
            "time_zone": zone_of(device),
            "time_zone_note": lost_zone(device),
            "days": read_days(self.membership, device, now=now, **days),
        }
        return Response(CalendarOut(answer).data)


class CalendarDayDetail(MemberAPIView):
    """One day with each of its planned pictures."""

    @extend_schema(summary="Show a day of a camera, picture by picture", responses=DayReportOut)
    def get(self, request: Request, name: str, day: str) -> Response:
        device = get_device(self, name)
        report = read_day(self.membership, device, parse_day(day), now=timezone.now())
        return Response(DayReportOut(report).data)
