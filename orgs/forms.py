from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm


class LoginForm(AuthenticationForm):
    """Log in by e-mail address and password."""

    username = forms.EmailField(
        label="E-mail address",
        widget=forms.EmailInput(attrs={"autofocus": True, "autocomplete": "username"}),
    )

    error_messages = {
        "invalid_login": "The address and the password do not belong together.",
        "inactive": "This account is not active.",
    }

    def clean_username(self) -> Any:
        return self.cleaned_data["username"].lower()
