"""How django-allauth works here: who may sign up, where one goes next, which words are said."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.base import AuthProcess
from django.conf import settings
from django.contrib.messages import ERROR
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from orgs import origin
from orgs.models import Invitation, User
from orgs.sealing import SECOND_FACTORS, decrypt, encrypt
from orgs.services.accounts import found_workspace
from orgs.services.addresses import forget_claims, is_taken, note_change_of_address, vouch_for_address
from orgs.services.invitations import InvitationClosed, InvitationUnknown, find_invitation, refuse_closed
from orgs.services.links import reset_link, verification_link
from orgs.services.recovery import claim_account
from orgs.services.users import find_user

# Where the session keeps the token of the invitation that brought a visitor here.
INVITATION = "invitation"


def invitation_of(request: HttpRequest) -> Invitation | None:
    """The invitation that brought the visitor here, if it is open still."""
    try:
        invitation = find_invitation(token=request.session.get(INVITATION, ""))
        refuse_closed(invitation)
    except (InvitationUnknown, InvitationClosed):
        return None
    return invitation


def is_for(invitation: Invitation, email: str) -> bool:
    return invitation.email in ("", email.strip().lower())


def is_invited(request: HttpRequest, email: str) -> bool:
    """Whether who signs up by that address can accept the invitation they came by."""
    invitation = invitation_of(request)
    return invitation is not None and is_for(invitation, email)


class AccountAdapter(DefaultAccountAdapter):
    """Sign-up, login, addresses and passwords."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "account_inactive": "This account is not active.",
        "duplicate_email": "This is your address already.",
        "email_password_mismatch": "The address and the password do not belong together.",
        "email_taken": "There is an account with this address already. Log in, or choose a new password.",
        "enter_current_password": "This is not your present password.",
        "incorrect_password": "This is not your password.",
        "incorrect_code": "This code is not right, or was used already.",
        "invalid_password_reset": "This link is not right, was used already, or is too old.",
        "rate_limited": "This was tried too often. Wait a few minutes, then try again.",
        "too_many_login_attempts": "This was tried too often. Wait a few minutes, then try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return settings.VISANT_SIGNUP == "open" or invitation_of(request) is not None

    def pre_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse | None:
        vouch_for_address(user=user)
        response: HttpResponse | None = super().pre_login(request, user, **kwargs)
        return response

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Who came by an invitation goes on to it, once; there they accept it."""
        token = request.session.pop(INVITATION, None)
        return reverse("join", args=[token]) if token else super().get_login_redirect_url(request)

    def get_signup_redirect_url(self, request: HttpRequest) -> str:
        return self.get_login_redirect_url(request)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("account")

    def get_email_verification_redirect_url(self, email_address: EmailAddress) -> str:
        return reverse("account" if self.request.user.is_authenticated else "account_login")

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Take the address as the person's own, unless it has become somebody else's in between."""
        user = User.objects.get(pk=email_address.user_id)
        if is_taken(email_address.email, besides=user):
            message = "account/messages/email_confirmation_failed.txt"
            self.add_message(request, ERROR, message, {"email": email_address.email})
            return False
        with transaction.atomic():
            confirmed: bool = super().confirm_email(request, email_address)
            if confirmed:
                note_change_of_address(user=user, email=email_address.email)
        return confirmed

    def get_client_ip(self, request: HttpRequest) -> str:
        return origin.current().ip or "unknown"

    def get_reset_password_from_key_url(self, key: str) -> str:
        return reset_link(key)

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return verification_link(emailconfirmation.email_address)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Links in mails lead to where Visant says it is, whatever host the request named."""
        super().send_mail(template_prefix, email, {**context, "address": settings.VISANT_URL})

    def can_delete_email(self, email_address: EmailAddress) -> bool:
        return bool(email_address.email != email_address.user.email)


class MFAAdapter(DefaultMFAAdapter):
    """The second factor. What an authenticator app shares with us is encrypted in the database."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": "This code is not right, or was used already.",
        "unverified_email": "Verify your e-mail address first; then you can add a second factor.",
    }

    def encrypt(self, text: str) -> str:
        return encrypt(text, purpose=SECOND_FACTORS)

    def decrypt(self, encrypted_text: str) -> str:
        return decrypt(encrypted_text, purpose=SECOND_FACTORS)


class SingleSignOnAdapter(DefaultSocialAccountAdapter):
    """Sign-up and login through the provider of ``VISANT_OIDC_URL``."""

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]) -> User:
        user: User = super().populate_user(request, sociallogin, data)
        names = [data.get("name") or "", f"{data.get('first_name') or ''} {data.get('last_name') or ''}"]
        user.name = next((name.strip()[:200] for name in names if name.strip()), "")
        return user

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        """Make the account, as :func:`~orgs.services.accounts.sign_up` does for those with a password."""
        with transaction.atomic():
            _make_way(sociallogin, form.cleaned_data["email"] if form else "")
            user: User = super().save_user(request, sociallogin, form)
            if not is_invited(request, user.email):
                found_workspace(user=user)
        return user

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """The invited sign up by the address they were invited by; what they type is looked at by the form."""
        if settings.VISANT_SIGNUP == "open":
            return True
        told = [address.email for address in sociallogin.email_addresses]
        if not told:
            return invitation_of(request) is not None
        return any(is_invited(request, email) for email in told)

    def is_auto_signup_allowed(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        _make_way(sociallogin)
        allowed: bool = super().is_auto_signup_allowed(request, sociallogin)
        return allowed

    def authenticate_by_email(self, sociallogin: SocialLogin) -> tuple[User, str] | None:
        """Only the login counts: an address that somebody asked to change to is nobody's yet."""
        for address in sociallogin.email_addresses:
            if address.verified and self.can_authenticate_by_email(sociallogin, address.email):
                user = find_user(email=address.email)
                if user is not None:
                    vouch_for_address(user=user)
                    return user, user.email
        return None

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Who comes to an account by its address for the first time need not be who made it."""
        logs_in = sociallogin.state.get("process") not in (AuthProcess.CONNECT, AuthProcess.REDIRECT)
        if logs_in and sociallogin.is_existing and sociallogin.account._state.adding:
            claim_account(user=sociallogin.user)

    def get_connect_redirect_url(self, request: HttpRequest, socialaccount: Any) -> str:
        return reverse("account")


def _make_way(sociallogin: SocialLogin, typed: str = "") -> None:
    """Let addresses that somebody only asked to change to keep nobody from signing up by them."""
    for email in [*(address.email for address in sociallogin.email_addresses), typed]:
        if find_user(email=email) is None:
            forget_claims(email=email)
