"""The row of a person: made, and given a password that is strong enough."""

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from orgs.errors import Invalid, NotThere
from orgs.models import User
from orgs.services.validation import validate


class InvalidUser(Invalid):
    code = "invalid_user"


class WeakPassword(Invalid):
    code = "weak_password"


class PersonNotThere(NotThere):
    code = "person_not_found"


def create_user(*, email: str, password: str | None = None, name: str = "") -> User:
    """Make an account; with a password it must be a strong one.

    Without a row of its own for the address (allauth's ``EmailAddress``) the address counts as verified at the
    first login: whoever made the account answers for it.
    """
    user = User(email=email.strip(), name=name.strip())
    user.set_unusable_password()
    validate(user, InvalidUser)
    if password is not None:
        give_password(user=user, password=password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as error:
        # Somebody was quicker by the blink in which the address was looked for.
        raise InvalidUser("An account with this address exists already.") from error
    return user


def give_password(*, user: User, password: str) -> None:
    """Put a strong password on the row, without saving it. Raises :class:`WeakPassword` with a sentence a rule."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise WeakPassword(" ".join(error.messages)) from error
    user.set_password(password)


def find_user(*, email: str) -> User | None:
    """Return the person who logs in by that address. To whom else it may belong one day does not count."""
    return User.objects.filter(email=email.strip().lower()).first()


def is_unproven(user: User) -> bool:
    """Whether they signed up by themselves and nobody has shown yet that the address is theirs.

    Signing up makes the primary row. One that is not primary says nothing of that: allauth makes it, too, with a
    link to a new password.
    """
    rows = EmailAddress.objects.filter(user_id=user.pk, email=user.email, primary=True)
    return bool(rows.filter(verified=False).exists())


def get_user(*, email: str) -> User:
    """Return the person who logs in by that address. Raises :class:`PersonNotThere`."""
    user = find_user(email=email)
    if user is None:
        raise PersonNotThere(f"There is no account with the address {email}.")
    return user
