from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm

from orgs.errors import Conflict, Invalid, LimitReached


class ServiceForm(forms.Form):
    """A form whose service may refuse: the refusal is shown on it, and nothing that was typed is lost.

    ``status`` is that of the page that shows the form: 200 fresh, 400 when what was sent is wrong, 409 when it
    is right but cannot be now.
    """

    conflicts = False

    @property
    def status(self) -> int:
        if not self.errors:
            return 200
        return 409 if self.conflicts else 400

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """Turn a refusal inside the block into an error of the form."""
        try:
            yield
        except (Invalid, Conflict, LimitReached) as refusal:
            self.conflicts = not isinstance(refusal, Invalid)
            self.add_error(None, str(refusal))


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
