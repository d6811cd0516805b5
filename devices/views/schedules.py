"""Pages for people: when a camera takes pictures by itself."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from devices.clocks import lost_zone, zone_of
from devices.forms.schedules import ScheduleForm
from devices.models import Device, Schedule
from devices.planning import words_of
from devices.rules_in_words import in_words
from devices.services.schedules import MOST, add_schedule, change_schedule, newest_rule, next_runs, remove_schedule
from devices.services.sightings import listens
from devices.views.lookups import device_or_404
from orgs.access import MemberRequest, requires
from orgs.models import Role


@require_safe
@requires(Role.VIEWER)
def schedules(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    device = device_or_404(request, pk)
    zone = zone_of(device)
    kept = device.schedules.kept().order_by("pk").prefetch_related("rules")
    rules = [(schedule, newest_rule(schedule)) for schedule in kept]
    context = {
        "device": device,
        "rows": [
            (schedule, words_of(rule, fallback=zone), next_runs(rule, fallback=zone)) for schedule, rule in rules
        ],
        "is_full": len(rules) >= MOST,
        "zone": zone,
        "lost_zone": lost_zone(device),
        "listens": listens(device.status, timezone.now()),
    }
    return render(request, "devices/schedules.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.ADMIN)
def add_to_schedules(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    device = device_or_404(request, pk)
    form = ScheduleForm(request.POST or None, device=device)
    if form.is_valid() and not _is_preview(request):
        with form.refusals():
            label = form.cleaned_data["label"]
            schedule = add_schedule(device=device, acting_user=request.user, label=label, **form.rule_fields)
            messages.success(request, f"{schedule.label} is added.")
            return redirect("camera-schedules", pk)
    return _form_page(request, device, form)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.ADMIN)
def edit_schedule(request: MemberRequest, pk: uuid.UUID, schedule_pk: uuid.UUID) -> HttpResponse:
    device, schedule = _found(request, pk, schedule_pk)
    rule = newest_rule(schedule)
    form = ScheduleForm(request.POST or None, device=device, rule=rule, label=schedule.label)
    if form.is_valid() and not _is_preview(request):
        with form.refusals():
            label = form.cleaned_data["label"]
            change_schedule(schedule=schedule, acting_user=request.user, label=label, **form.rule_fields)
            messages.success(request, f"{schedule.label} is saved.")
            return redirect("camera-schedules", pk)
    return _form_page(request, device, form, schedule)


@require_POST
@requires(Role.ADMIN)
def preview_schedule(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """The fragment with the next runs of what is being filled in."""
    form = ScheduleForm(request.POST, device=device_or_404(request, pk))
    form.fields["label"].required = False
    return render(request, "devices/_schedule_preview.html", _previewed(form))


@require_POST
@requires(Role.ADMIN)
def switch_schedule(request: MemberRequest, pk: uuid.UUID, schedule_pk: uuid.UUID) -> HttpResponse:
    _, schedule = _found(request, pk, schedule_pk)
    enabled = request.POST.get("enabled") == "yes"
    change_schedule(schedule=schedule, acting_user=request.user, enabled=enabled)
    messages.success(request, f"{schedule.label} is switched {'on' if enabled else 'off'}.")
    return redirect("camera-schedules", pk)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.ADMIN)
def remove_from_schedules(request: MemberRequest, pk: uuid.UUID, schedule_pk: uuid.UUID) -> HttpResponse:
    device, schedule = _found(request, pk, schedule_pk)
    if request.method == "POST":
        remove_schedule(schedule=schedule, acting_user=request.user)
        messages.success(request, f"{schedule.label} is removed.")
        return redirect("camera-schedules", pk)
    words = words_of(newest_rule(schedule), fallback=zone_of(device))
    return render(
        request, "devices/schedule_remove.html", {"device": device, "schedule": schedule, "words": words}
    )


def _found(request: MemberRequest, pk: uuid.UUID, schedule_pk: uuid.UUID) -> tuple[Device, Schedule]:
    device = device_or_404(request, pk)
    return device, get_object_or_404(device.schedules.kept().prefetch_related("rules"), pk=schedule_pk)


def _is_preview(request: MemberRequest) -> bool:
    return "preview" in request.POST


def _form_page(
    request: MemberRequest, device: Device, form: ScheduleForm, schedule: Schedule | None = None
) -> HttpResponse:
    zone = {"zone": zone_of(device), "lost_zone": lost_zone(device)}
    context = {"device": device, "form": form, "schedule": schedule, **zone, **_previewed(form)}
    return render(request, "devices/schedule_form.html", context, status=form.status)


def _previewed(form: ScheduleForm) -> dict[str, object]:
    if not form.is_valid():
        return {"problems": [text for texts in form.errors.values() for text in texts]}
    return {"words": in_words(form.rule), "runs": next_runs(form.rule), "rule_zone": form.rule.time_zone}
