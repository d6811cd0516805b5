"""E-mail addresses of people.

``User.email`` is the login; allauth's ``EmailAddress`` knows whether it is verified, and what it shall become.
"""

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models import F

from orgs.models import User
from orgs.services.accounts import record_for_person


@transaction.atomic
def vouch_for_address(*, user: User) -> None:
    """Let the rows of addresses follow ``User.email``.

    Who signed up has such a row. An account without one, or with that of an earlier address, was made or changed
    by an operator, a command or an owner: they answer for its address, so it counts as verified.
    """
    if EmailAddress.objects.filter(user_id=user.pk, email=user.email, primary=True).exists():
        return
    EmailAddress.objects.filter(user_id=user.pk).delete()
    verified = not EmailAddress.objects.filter(email=user.email, verified=True).exists()
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=verified)


@transaction.atomic
def ask_for_address(*, user: User, email: str) -> EmailAddress:
    """Note the address a person wants to change to. It becomes theirs once it is verified; the last one counts."""
    vouch_for_address(user=user)
    EmailAddress.objects.filter(user_id=user.pk, primary=False).delete()
    return EmailAddress.objects.create(user=user, email=email.strip().lower(), primary=False, verified=False)


@transaction.atomic
def forget_claims(*, email: str) -> None:
    """Forget that people asked to change to that address: somebody else has it now."""
    EmailAddress.objects.filter(email=email.strip().lower()).exclude(user__email=F("email")).delete()


def is_taken(email: str, *, besides: User) -> bool:
    """Whether another account has this address as its login."""
    return User.objects.filter(email=email.lower()).exclude(pk=besides.pk).exists()


def note_change_of_address(*, user: User, email: str) -> None:
    """Write into the audit that ``user``, as they were before, now log in by ``email``."""
    if user.email == email:
        return
    changed = User.objects.get(pk=user.pk)
    record_for_person(
        "email.changed", user=changed, acting_user=changed, before={"email": user.email}, after={"email": email}
    )
