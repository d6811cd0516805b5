"""Accounts of people."""

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from orgs.errors import Invalid
from orgs.models import User
from orgs.services.validation import validate


class InvalidUser(Invalid):
    code = "invalid_user"


class WeakPassword(Invalid):
    code = "weak_password"


def create_user(*, email: str, password: str | None = None, name: str = "") -> User:
    """Make an account; with a password it must be a strong one."""
    user = User(email=email.strip().lower(), name=name)
    user.set_unusable_password()
    validate(user, InvalidUser)
    if password is not None:
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise WeakPassword(" ".join(error.messages)) from error
        user.set_password(password)
    user.save(force_insert=True)
    return user
