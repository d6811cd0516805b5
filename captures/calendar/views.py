"""Pages of the calendar of one camera: a month, a day of it, the download."""

import calendar
import uuid
from datetime import date, timedelta
from typing import Any

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from captures.calendar.days import DayReport
from captures.calendar.forms import DownloadFilter
from captures.calendar.matching import Answer
from captures.calendar.models import COUNTS
from captures.calendar.reading import (
    FIRST_DAY,
    DayNotThere,
    calendar_csv,
    parse_day,
    reach_of,
    read_day,
    read_days,
)
from devices.access import devices_of
from devices.clocks import clock_of, lost_zone, zone_of
from devices.models import Device
from orgs.access import MemberRequest, requires
from orgs.models import Role

UNPLANNED_SHOWN = 100
# A day that has just begun is not a list of what is not due yet.
UPCOMING_SHOWN = 3


@require_safe
@requires(Role.VIEWER)
def month(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    device = _device_or_404(request, pk)
    return render(request, "captures/calendar.html", _month_context(request, device))


@require_safe
@requires(Role.VIEWER)
def day(request: MemberRequest, pk: uuid.UUID, day: str) -> HttpResponse:
    device, now = _device_or_404(request, pk), timezone.now()
    shown = parse_day(day)
    report = read_day(request.membership, device, shown, now=now)
    reach = reach_of(request.membership, device, now=now)
    context = {
        "device": device,
        "day": shown,
        "zone": zone_of(device),
        "lost_zone": lost_zone(device),
        "earlier": shown - timedelta(days=1) if shown > reach.first else None,
        "later": shown + timedelta(days=1) if shown < reach.last - timedelta(days=1) else None,
        **_report_context(report),
    }
    return render(request, "captures/calendar_day.html", context)


@never_cache
@require_safe
@requires(Role.VIEWER)
def download(request: MemberRequest, pk: uuid.UUID) -> HttpResponseBase:
    """The days of the calendar as a spreadsheet."""
    device, now = _device_or_404(request, pk), timezone.now()
    form = DownloadFilter(request.GET, today=now.astimezone(clock_of(device)).date())
    if not form.is_valid():
        context = _month_context(request, device) | {"form": form}
        return render(request, "captures/calendar.html", context, status=400)
    first, last = form.cleaned_data["from"], form.cleaned_data["to"]
    days = read_days(request.membership, device, first=first, last=last, now=now)
    name = f"calendar-{slugify(device.name) or device.pk}-{first}-{last}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(
        calendar_csv(days, note=lost_zone(device)), content_type="text/csv; charset=utf-8", headers=headers
    )


def _device_or_404(request: MemberRequest, pk: uuid.UUID) -> Device:
    device: Device = get_object_or_404(devices_of(request.membership).select_related("status", "org"), pk=pk)
    return device


def _month_context(request: MemberRequest, device: Device) -> dict[str, Any]:
    """The days of the month in weeks, Monday first; None where a week reaches beyond it."""
    now = timezone.now()
    today = now.astimezone(clock_of(device)).date()
    first = _asked_month(request.GET.get("month", ""), today)
    length = calendar.monthrange(first.year, first.month)[1]
    last = first.replace(day=length)
    rows = {row.day: row for row in read_days(request.membership, device, first=first, last=last, now=now)}
    reach = reach_of(request.membership, device, now=now)
    weeks = calendar.Calendar().monthdatescalendar(first.year, first.month)
    return {
        "device": device,
        "month": first,
        "weeks": [
            [(each, rows.get(each)) if each.month == first.month else None for each in week] for week in weeks
        ],
        "today": today,
        "reach": reach,
        "zone": zone_of(device),
        "lost_zone": lost_zone(device),
        "sums": {name: sum(getattr(row, name) for row in rows.values()) for name in COUNTS},
        "earlier": first - timedelta(days=1) if first > max(reach.first, _begins(device)) else None,
        "later": last + timedelta(days=1) if last < today else None,
        "form": DownloadFilter({"from": str(first), "to": str(min(last, max(first, today)))}, today=today),
    }


def _begins(device: Device) -> date:
    """The first day that was counted of the camera, else the one it was added on."""
    row = device.calendar_days.order_by("day").first()
    return row.day if row else device.created_at.astimezone(clock_of(device)).date()


def _asked_month(text: str, today: date) -> date:
    try:
        first = date.fromisoformat(f"{text}-01") if text else today.replace(day=1)
    except ValueError:
        raise DayNotThere("Write the month like 2026-11.") from None
    if not FIRST_DAY <= first <= today + timedelta(days=31):
        raise DayNotThere("There is no such month in this calendar.")
    return first


def _report_context(report: DayReport) -> dict[str, Any]:
    upcoming = [line for line in report.lines if line.answer == Answer.DUE]
    folded = {id(line) for line in upcoming[UPCOMING_SHOWN:]}
    return {
        "counts": report.counts,
        "lines": [line for line in report.lines if id(line) not in folded],
        "upcoming_left": len(folded),
        "unplanned": report.unplanned[:UNPLANNED_SHOWN],
        "unplanned_left": max(0, len(report.unplanned) - UNPLANNED_SHOWN),
        "rejections": report.rejections,
        "breaks": report.breaks,
    }
