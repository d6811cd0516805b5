"""Links that let a person in without a mail server, too: to be mailed, or copied by an operator."""

from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.db import transaction
from django.urls import reverse

from orgs.errors import Conflict
from orgs.models import User
from orgs.services.accounts import record_for_person
from orgs.services.addresses import vouch_for_address
from orgs.services.users import get_user


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
    return _absolute(reverse("account_reset_password_from_key", kwargs={"uidb36": user, "key": token}))


def verification_link(address: EmailAddress) -> str:
    """Return the link that verifies the address, good for three days."""
    return _absolute(reverse("account_confirm_email", args=[EmailConfirmationHMAC(address).key]))


def _absolute(path: str) -> str:
    return f"{settings.VISANT_URL}{path}"
