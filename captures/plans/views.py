"""The page of the plan. It stands where all its numbers can be seen: cameras, usage, pictures left unjudged."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from captures.evaluation.services import KEPT_AT_ONCE, retry_over_limit
from captures.plans.forms import RedeemForm
from devices.plans import plan_of
from orgs.access import MemberRequest, requires
from orgs.errors import LimitReached
from orgs.models import Role
from orgs.services.plans import redeem_code


@require_safe
@requires(Role.ADMIN)
def plan(request: MemberRequest) -> HttpResponse:
    return _plan_page(request, RedeemForm())


@require_POST
@requires(Role.OWNER)
def redeem(request: MemberRequest) -> HttpResponse:
    form = RedeemForm(request.POST)
    if form.is_valid():
        with form.refusals():
            redeem_code(org=request.membership.org, acting_user=request.user, **form.cleaned_data)
            messages.success(request, "The code is redeemed. The plan below is the new one.")
            return redirect("plan")
    return _plan_page(request, form)


@require_POST
@requires(Role.ADMIN)
def judge_over_limit(request: MemberRequest) -> HttpResponse:
    try:
        count = retry_over_limit(org=request.membership.org)
        messages.success(request, f"To be judged now: {count}.")
    except LimitReached as refusal:
        messages.error(request, str(refusal))
    return redirect("plan")


def _plan_page(request: MemberRequest, form: RedeemForm) -> HttpResponse:
    org = request.membership.org
    # Counted no further than what one press of the button takes.
    unjudged = org.captures.over_limit()[: KEPT_AT_ONCE + 1].count()
    context = {
        "plan": plan_of(org),
        "form": form if request.membership.role == Role.OWNER else None,
        "unjudged": min(unjudged, KEPT_AT_ONCE),
        "more_unjudged": unjudged > KEPT_AT_ONCE,
    }
    return render(request, "captures/plan.html", context, status=form.status)
