"""Pages for people: suspending, resuming, retiring and reinstating a camera, each after a question."""

import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from devices.services.lifecycle import reinstate_device, resume_device, retire_device, suspend_device
from devices.views.lookups import device_or_404
from orgs.access import MemberRequest, requires
from orgs.forms import ServiceForm
from orgs.models import Role


class Step(NamedTuple):
    """A change of a camera's service, and what people are asked and told about it."""

    change: Callable[..., Any]
    verb: str
    explanation: str
    done: str
    is_grave: bool = False


STEPS = {
    "suspend": Step(
        suspend_device,
        "Suspend",
        "Its pictures are refused until you resume it; the camera keeps them as far as it has room, and sends "
        "them then. Its schedules rest. It keeps its slot.",
        "is suspended",
    ),
    "resume": Step(
        resume_device, "Resume", "It delivers again, also what it kept meanwhile.", "is in service again"
    ),
    "retire": Step(
        retire_device,
        "Retire",
        "Its slot is free for another camera. Its pictures stay, its keys open nothing, what it was told to do "
        "ends. You can reinstate it as long as there is a slot.",
        "is retired",
        is_grave=True,
    ),
    "reinstate": Step(
        reinstate_device, "Reinstate", "It takes a slot of your plan and delivers again.", "is in service again"
    ),
}


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.ADMIN)
def change_service(request: MemberRequest, pk: uuid.UUID, step: str) -> HttpResponse:
    if step not in STEPS:
        raise Http404
    device, wanted = device_or_404(request, pk), STEPS[step]
    form = ServiceForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        with form.refusals():
            wanted.change(device=device, acting_user=request.user)
            messages.success(request, f"{device} {wanted.done}.")
            return redirect("camera-settings", pk)
    context = {"device": device, "step": wanted, "form": form}
    return render(request, "devices/change_service.html", context, status=form.status)
