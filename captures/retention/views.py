"""Pages for people: how long pictures are kept, what goes tonight, and keeping or deleting one of them."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from captures.access import captures_of
from captures.integrity.runs import PRUNE, last_run
from captures.models import Capture
from captures.retention.deleting import CaptureHeld, delete_capture, hold_capture, refuse_held, release_capture
from captures.retention.foreseeing import (
    camera_of,
    limited_to,
    most_days_asked,
    preview_of,
    rule_asked,
)
from captures.retention.forms import RetentionForm, initial_of
from captures.retention.models import Forecast
from captures.retention.policies import check_rule, remove_policy, set_policy, set_policy_and_limit
from captures.retention.preview import current_rules
from captures.retention.pruning import next_run_at
from captures.retention.rules import Rule, Rules
from captures.retention.trying import try_rule
from devices.access import devices_of
from devices.models import Device
from orgs.access import MemberRequest, requires
from orgs.models import Organization, Role


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.ADMIN)
def of_organization(request: MemberRequest) -> HttpResponse:
    return _policy_page(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.ADMIN)
def of_camera(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    device = get_object_or_404(devices_of(request.membership).select_related("org"), pk=pk)
    return _policy_page(request, device)


@require_POST
@requires(Role.ADMIN)
def remove_of_camera(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    device = get_object_or_404(devices_of(request.membership).select_related("org"), pk=pk)
    remove_policy(device=device, acting_user=request.user)
    messages.success(request, "This camera keeps its pictures as its organization does now.")
    return redirect("camera-retention", pk)


@require_POST
@requires(Role.MEMBER)
def hold(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    hold_capture(capture=_capture_or_404(request, pk), acting_user=request.user)
    messages.success(request, "Held: no rule deletes this picture.")
    return redirect("capture", pk)


@require_POST
@requires(Role.ADMIN)
def release(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    release_capture(capture=_capture_or_404(request, pk), acting_user=request.user)
    messages.success(request, "Released: the retention rules decide about this picture again.")
    return redirect("capture", pk)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.ADMIN)
def delete(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Ask first; then delete for good."""
    capture = _capture_or_404(request, pk)
    try:
        refuse_held(capture)
        if request.method == "POST":
            delete_capture(capture=capture, acting_user=request.user)
            messages.success(request, "The picture is deleted.")
            return redirect("camera", capture.device_id)
    except CaptureHeld as refusal:
        messages.error(request, str(refusal))
        return redirect("capture", pk)
    return render(request, "captures/delete.html", {"capture": capture})


def _policy_page(request: MemberRequest, device: Device | None) -> HttpResponse:
    """Show what is kept; preview what was typed, or say that it is being counted; save what was previewed."""
    org, rules = request.membership.org, current_rules(request.membership.org)
    with_limit = device is None and request.membership.role == Role.OWNER
    own = rules.get(device.pk if device else None)
    forecast = _asked_forecast(request, device, with_limit=with_limit)
    initial = initial_of(rule_asked(forecast) if forecast else own or rules.get(None, Rule()))
    initial["most_days"] = most_days_asked(forecast) if forecast else org.retention_days
    form = RetentionForm(
        request.POST if request.method == "POST" else None, initial=initial, with_limit=with_limit
    )
    if form.is_valid():
        with form.refusals():
            check_rule(org, form.rule())
            most_days = form.cleaned_data["most_days"] if with_limit else org.retention_days
            if form.is_previewed(most_days):
                _save(request, form.rule(), device, most_days, with_limit=with_limit)
                return redirect(request.path)
            forecast = try_rule(limited_to(org, most_days), rules, rule=form.rule(), device=device)
            if forecast.state == "waiting":
                # A page that can be loaded again, without sending the form again.
                return redirect(f"{request.path}?forecast={forecast.pk}")
    foreseen = preview_of(forecast) if forecast else None
    if forecast and foreseen:
        form.show_as_previewed(rule_asked(forecast), most_days_asked(forecast))
    context = {"form": form, "device": device, "own": own, "forecast": forecast, "preview": foreseen}
    return render(
        request, "captures/retention.html", {**context, **_standing(org, rules, device)}, status=form.status
    )


def _save(
    request: MemberRequest, rule: Rule, device: Device | None, most_days: int | None, *, with_limit: bool
) -> None:
    said: dict[str, Any] = {"org": request.membership.org, "rule": rule, "acting_user": request.user}
    if with_limit:
        set_policy_and_limit(most_days=most_days, **said)
    else:
        set_policy(device=device, **said)
    messages.success(request, "Saved. It holds from tonight on.")


def _asked_forecast(request: MemberRequest, device: Device | None, *, with_limit: bool) -> Forecast | None:
    """The one that the address names; none where it is over, or of something else than is said on this page."""
    try:
        pk = uuid.UUID(request.GET.get("forecast", ""))
    except ValueError:
        return None
    org = request.membership.org
    forecast: Forecast | None = org.forecasts.filter(pk=pk).first()
    if forecast is None or camera_of(forecast) != (device.pk if device else None):
        return None
    # With another limit than this person can save here it would be another one.
    return forecast if with_limit or most_days_asked(forecast) == org.retention_days else None


def _standing(org: Organization, rules: Rules, device: Device | None) -> dict[str, Any]:
    """What holds now, what is next, and what was done last."""
    now = timezone.now()
    return {
        "cap": org.retention_days,
        "common": rules.get(None, Rule()),
        "next_run_at": next_run_at(org, now),
        "last": last_run(PRUNE, str(org.pk)) if device is None else None,
        "with_own": org.devices.filter(pk__in=[pk for pk in rules if pk]).by_name() if device is None else (),
    }


def _capture_or_404(request: MemberRequest, pk: uuid.UUID) -> Capture:
    return get_object_or_404(captures_of(request.membership).select_related("device__org"), pk=pk)
