"""Pages of one's own account. Those that only show a form are django-allauth's, named in ``urls.py``."""

from functools import wraps
from typing import Any, ClassVar

from allauth.account.models import EmailAddress
from allauth.account.views import EmailView
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.openid_connect import views as openid_connect
from allauth.socialaccount.views import ConnectionsView
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache

from orgs.access import MemberRequest, choose, chosen_organization, list_memberships
from orgs.accounts.forms import NameForm
from orgs.services.accounts import record_for_person, rename_person
from orgs.services.addresses import vouch_for_address


def of_person(view: Any) -> Any:
    """A page for everybody who is logged in, member or not; its header shows the organization they look at."""

    @never_cache
    @wraps(view)
    def shown(request: MemberRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            vouch_for_address(user=request.user)
            request.memberships = list_memberships(request.user)
            request.membership = choose(request.memberships, chosen_organization(request))  # type: ignore[assignment] # None for who belongs to none
        return view(request, *args, **kwargs)  # type: ignore[no-any-return] # allauth is not typed

    shown.smallest_role = "person"  # type: ignore[attr-defined] # what `manage.py permissions` reads
    return shown


@of_person
def account(request: MemberRequest) -> HttpResponse:
    """One's name, address, password, second factor and organizations."""
    form = NameForm(request.POST or None, initial={"name": request.user.name})
    if request.method == "POST" and form.is_valid():
        rename_person(user=request.user, name=form.cleaned_data["name"], acting_user=request.user)
        messages.success(request, "Your name is saved.")
        return redirect("account")
    return render(request, "account/account.html", _overview(request) | {"form": form})


def _overview(request: MemberRequest) -> dict[str, Any]:
    addresses = EmailAddress.objects.filter(user=request.user)
    return {
        "address": addresses.filter(email=request.user.email).first(),
        "pending": addresses.filter(primary=False, verified=False).last(),
        "connections": SocialAccount.objects.filter(user=request.user).exists(),
        "has_app": Authenticator.objects.filter(user=request.user, type=Authenticator.Type.TOTP).exists(),
    }


@login_not_required
@never_cache
def single_sign_on(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Send somebody to the provider. 404 without one."""
    answer: HttpResponse = openid_connect.login(request, provider_id=provider_id)
    if not isinstance(answer, HttpResponseRedirect) or request.method != "POST":
        return answer
    # The Content-Security-Policy lets no form lead away from here, not even by a redirect; a page may go on.
    page = render(request, "account/leaving.html", {"target": answer.url})
    page["Refresh"] = f"0; url={answer.url}"
    return page


class ChangeAddress(EmailView):
    """Name the address to change to, or take that back. Only its verification makes it the login."""

    ACTIONS: ClassVar = {"action_add", "action_send", "action_remove"}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.ACTIONS & set(request.POST):
            return redirect("account_email")
        answer: HttpResponse = super().post(request, *args, **kwargs)
        return answer


class Recorded:
    """A form that changes how one gets in: what it did stands in the audit, or it did not happen."""

    action: ClassVar[str]

    def form_valid(self, form: Any) -> HttpResponse:
        user = self.request.user  # type: ignore[attr-defined] # of the view this is mixed into
        with transaction.atomic():
            answer: HttpResponse = super().form_valid(form)  # type: ignore[misc] # the same
            record_for_person(self.action, user=user, acting_user=user)
        return answer


class ActivateApp(Recorded, ActivateTOTPView):
    """Add an authenticator app: from then on a login needs its code."""

    action = "mfa.enabled"


class DeactivateApp(Recorded, DeactivateTOTPView):
    """Take the authenticator app away, and the recovery codes with it."""

    action = "mfa.disabled"


class Connections(Recorded, ConnectionsView):
    """End single sign-on for one's account."""

    action = "sso.disconnected"


class RenewRecoveryCodes(Recorded, GenerateRecoveryCodesView):
    """Make new recovery codes; the old ones open nothing any more."""

    action = "mfa.codes_renewed"
