"""The forms of django-allauth in our words; what they change goes through our services."""

from typing import Any
from zoneinfo import available_timezones

from allauth.account import forms as account
from allauth.account.adapter import get_adapter as get_account_adapter
from allauth.account.internal.flows.email_verification import send_verification_email_to_address
from allauth.account.models import EmailAddress
from allauth.core import context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import forms as mfa
from allauth.mfa.base.internal.flows import check_rate_limit
from allauth.mfa.totp import forms as totp
from allauth.socialaccount import forms as socialaccount
from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import password_validators_help_texts
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join

from orgs.accounts.adapters import invitation_of, is_for, is_invited
from orgs.models import User
from orgs.services.accounts import change_password, reset_password, sign_up, use_second_factor
from orgs.services.addresses import ask_for_address, vouch_for_address
from orgs.services.users import find_user

LABELS = {
    "login": "E-mail address",
    "email": "E-mail address",
    "password": "Password",
    "password1": "New password",
    "password2": "New password, once more",
    "oldpassword": "Present password",
    "code": "Code",
}


def password_rules() -> str:
    """Return the rules as a list, a sentence each."""
    rules = format_html_join("", "<li>{}</li>", ((text,) for text in password_validators_help_texts()))
    return format_html('<ul class="plain-list">{}</ul>', rules)


class InOurWords(forms.Form):
    """Labels instead of placeholders, which vanish while one types."""

    labels: dict[str, str] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.label = {**LABELS, **self.labels}.get(name, field.label)
            field.widget.attrs.pop("placeholder", None)
            field.help_text = password_rules() if name == "password1" else ""


class OfNewcomer(forms.Form):
    """An address is taken if somebody logs in by it, and an invitation is for whom it names."""

    def validate_unique_email(self, value: str) -> str:
        if find_user(email=value) is None:
            return value
        email: str = super().validate_unique_email(value)  # type: ignore[misc] # of the form this is mixed into
        return email

    def clean_email(self) -> str:
        email: str = super().clean_email()  # type: ignore[misc] # the same
        invitation = invitation_of(context.request)
        if settings.VISANT_SIGNUP != "open" and invitation is not None and not is_for(invitation, email):
            raise forms.ValidationError(f"Your invitation is for {invitation.email}. Sign up with that address.")
        return email


class Twice(forms.Form):
    """A new password, typed twice: that the two differ is told together with what is wrong with the first."""

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        first, second = self.data.get("password1"), self.data.get("password2")
        if "password1" in self.errors and first and second and first != second:
            self.add_error("password2", "You must type the same password each time.")
        return cleaned


class LoginForm(InOurWords, account.LoginForm):
    """Log in by e-mail address and password."""


class SignUpForm(OfNewcomer, InOurWords, account.SignupForm):
    """Make an account; who was not invited founds a workspace with it."""

    name = forms.CharField(
        label="Your name", max_length=200, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    time_zone = forms.CharField(required=False, widget=forms.HiddenInput(attrs={"data-time-zone": ""}))
    field_order = ["name", "email", "password1", "time_zone"]
    labels = {"password1": "Password"}

    def clean_time_zone(self) -> str:
        """What the browser says, or UTC; the owner can choose another later."""
        zone: str = self.cleaned_data["time_zone"]
        return zone if zone in available_timezones() else "UTC"

    def save(self, request: HttpRequest) -> User:
        sent = self.cleaned_data
        return sign_up(
            email=sent["email"],
            password=sent["password1"],
            name=sent["name"],
            time_zone=sent["time_zone"],
            founding=not is_invited(request, sent["email"]),
        )


class ChangeAddressForm(InOurWords, account.AddEmailForm):
    """Name the address to change to; the mail to it holds the link that does it."""

    labels = {"email": "New e-mail address"}

    def save(self, request: HttpRequest) -> EmailAddress:
        address = ask_for_address(user=self.user, email=self.cleaned_data["email"])
        send_verification_email_to_address(request, address)
        return address


class ChangePasswordForm(InOurWords, Twice, account.ChangePasswordForm):
    def save(self) -> None:
        change_password(user=self.user, password=self.cleaned_data["password1"], acting_user=self.user)


class SetPasswordForm(InOurWords, Twice, account.SetPasswordForm):
    """The first password of who came by single sign-on."""

    labels = {"password1": "Password", "password2": "Password, once more"}

    def save(self) -> None:
        change_password(user=self.user, password=self.cleaned_data["password1"], acting_user=self.user)


class ForgottenPasswordForm(InOurWords, account.ResetPasswordForm):
    """Only who logs in by the address gets the link."""

    def clean_email(self) -> str:
        email: str = get_account_adapter().clean_email(self.cleaned_data["email"].lower())
        user = find_user(email=email)
        self.users = [user] if user is not None and user.is_active else []
        for found in self.users:
            vouch_for_address(user=found)
        return email


class ResetPasswordForm(InOurWords, Twice, account.ResetPasswordKeyForm):
    def save(self) -> None:
        reset_password(user=self.user, password=self.cleaned_data["password1"])


class ConfirmPasswordForm(InOurWords, account.ReauthenticateForm):
    pass


class OneCode(InOurWords):
    """A code of the app or a recovery code, checked by our service: it counts once, whichever process asks."""

    user: User

    def clean_code(self) -> str:
        forgive = check_rate_limit(self.user)
        code: str = self.cleaned_data["code"]
        authenticator = use_second_factor(user=self.user, code=code)
        if authenticator is None:
            raise get_adapter().validation_error("incorrect_code")
        forgive()
        self.authenticator = authenticator
        return code


class CodeForm(OneCode, mfa.AuthenticateForm):
    """Asked for after the password."""


class ConfirmCodeForm(OneCode, mfa.ReauthenticateForm):
    """Asked for again before something that matters."""


class ActivateAppForm(InOurWords, totp.ActivateTOTPForm):
    labels = {"code": "Code the app shows"}


class SingleSignOnSignUpForm(OfNewcomer, InOurWords, socialaccount.SignupForm):
    """Shown when the provider tells no address."""


class NameForm(forms.Form):
    name = forms.CharField(
        label="Your name", max_length=200, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
