"""Links that let a person in without a mail server, too: to be mailed, or copied by an operator."""

import uuid

from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import user_pk_to_url_str
from django.db import transaction

from orgs.absolute import absolute_url
from orgs.errors import Conflict, Invalid
from orgs.models import User
from orgs.ratelimits import count
from orgs.services.accounts import record_for_person, reset_password
from orgs.services.addresses import vouch_for_address
from orgs.services.users import get_user


class ResetKeyInvalid(Invalid):
    code = "reset_key_invalid"


class NothingToVerify(Conflict):
    code = "nothing_to_verify"


@transaction.atomic
def link_to_reset(*, email: str, acting_user: User | None) -> str:
    """Return a link by which that person chooses a new password, once. Raises ``PersonNotThere``."""
    user = get_user(email=email)
    record_for_person("password.link_made", user=user, acting_user=acting_user)
    return reset_link(reset_key(user))


@transaction.atomic
def link_to_verify(*, email: str, acting_user: User | None) -> str:
    """Return a link that verifies the person's address, or the one they asked to change to.

    ``email`` is the login. Raises ``PersonNotThere`` or :class:`NothingToVerify`.
    """
    user = get_user(email=email)
    vouch_for_address(user=user)
    address = EmailAddress.objects.filter(user_id=user.pk, verified=False).order_by("primary", "-pk").first()
    if address is None:
        raise NothingToVerify(f"{user.email} is verified already.")
    record_for_person("email.link_made", user=user, acting_user=acting_user, after={"email": address.email})
    return verification_link(address)


def reset_key(user: User) -> str:
    """Return ``<user>-<key>``, good for choosing a new password once, within ``PASSWORD_RESET_TIMEOUT``."""
    return f"{user_pk_to_url_str(user)}-{default_token_generator.make_token(user)}"


def reset_link(key: str) -> str:
    """Return the address of the page on which the owner of a :func:`reset_key` chooses a new password."""
    user, _, token = key.partition("-")
    return absolute_url("account_reset_password_from_key", uidb36=user, key=token)


@transaction.atomic
def choose_password(*, key: str, password: str) -> User:
    """Set a new password by the ``key`` of the link that was mailed to who forgot theirs. It opens once.

    Raises :class:`ResetKeyInvalid`, ``WeakPassword`` and, tried too often for one account, ``TooManyRequests``.
    """
    named, _, token = key.partition("-")
    try:
        pk = uuid.UUID(named)
    except ValueError:
        raise _wrong_reset_key() from None
    count("reset_account", pk.hex)  # as the page's link names the account
    user = User.objects.select_for_update(no_key=True).filter(pk=pk, is_active=True).first()
    if user is None or not default_token_generator.check_token(user, token):
        raise _wrong_reset_key()
    reset_password(user=user, password=password)
    return user


def _wrong_reset_key() -> ResetKeyInvalid:
    return ResetKeyInvalid("This link is not right, was used already, or is too old.")


def verification_link(address: EmailAddress) -> str:
    """Return the link that verifies the address, good for three days."""
    return absolute_url("account_confirm_email", EmailConfirmationHMAC(address).key)
