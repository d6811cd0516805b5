"""The page on which admins say what may be shared."""

from django.contrib import messages
from django.forms import model_to_dict
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from orgs.access import MemberRequest, requires
from orgs.models import Role
from sharing.access import policy_of
from sharing.forms.policies import PolicyForm
from sharing.services.policies import CHANGEABLE, set_sharing_policy


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.ADMIN)
def policy(request: MemberRequest) -> HttpResponse:
    present = model_to_dict(policy_of(request.membership.org), fields=CHANGEABLE)
    form = PolicyForm(request.POST if request.method == "POST" else None, initial=present)
    if form.is_valid():
        with form.refusals():
            set_sharing_policy(membership=request.membership, **form.cleaned_data)
            messages.success(request, "Saved. It holds at once.")
            return redirect("sharing-policy")
    return render(request, "sharing/policy.html", {"form": form}, status=form.status)
