"""Accounts of people: signing up, the second factor, and what is noted when an account changes."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.mfa.utils import decrypt
from django.db import transaction

from orgs import scope
from orgs.audit import record
from orgs.errors import Conflict
from orgs.models import User
from orgs.services.organizations import found_organization
from orgs.services.tokens import revoke_token
from orgs.services.users import InvalidUser, create_user, give_password
from orgs.services.validation import validate


class NoSecondFactor(Conflict):
    code = "no_second_factor"


@transaction.atomic
def sign_up(
    *,
    email: str,
    password: str | None,
    name: str,
    org_name: str = "",
    time_zone: str = "UTC",
    founding: bool = True,
) -> User:
    """Make the account of somebody who came by themselves; their address is not verified yet.

    They found an organization of their own, unless ``founding`` is off: who was invited joins another one instead.
    Raises :class:`InvalidUser`, :class:`WeakPassword` or ``InvalidOrganization``.
    """
    user = create_user(email=email, password=password, name=name)
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=False)
    if founding:
        found_workspace(user=user, name=org_name, time_zone=time_zone)
    return user


def found_workspace(*, user: User, name: str = "", time_zone: str = "UTC") -> None:
    """Found the person's own organization; without a name it is "<name>'s workspace"."""
    called = user.name or user.email.partition("@")[0]
    found_organization(
        name=name.strip() or f"{called[:180]}'s workspace", owner=user, time_zone=time_zone, acting_user=user
    )


@transaction.atomic
def change_password(*, user: User, password: str, acting_user: User | None) -> None:
    """Give a person another password; every session and access token made with the old one ends.

    Who asks must have shown the present password, or have none yet. Raises :class:`WeakPassword`.
    """
    give_password(user=user, password=password)
    user.save(update_fields=["password"])
    record_for_person("password.changed", user=user, acting_user=acting_user)


@transaction.atomic
def reset_password(*, user: User, password: str) -> None:
    """The same for who forgot it and came by a link of ``orgs.services.links``, which thereby ends, too.

    The account may have been in other hands meanwhile: its personal tokens end, and so does a wish for another
    address.
    """
    give_password(user=user, password=password)
    user.save(update_fields=["password"])
    EmailAddress.objects.filter(user_id=user.pk).exclude(email=user.email).delete()
    record_for_person("password.reset", user=user, acting_user=user)
    revoke_personal_tokens(user=user, acting_user=user)


@transaction.atomic
def revoke_personal_tokens(*, user: User, acting_user: User | None) -> None:
    """End the person's tokens of all organizations."""
    with scope.across_organizations("finds the personal tokens of an account"):
        tokens = list(user.api_tokens.filter(revoked_at=None))
    for token in tokens:
        with scope.within(token.org_id):
            revoke_token(token=token, acting_user=acting_user)


@transaction.atomic
def rename_person(*, user: User, name: str, acting_user: User) -> None:
    """Change what a person is called. Raises :class:`InvalidUser`."""
    before, user.name = user.name, name.strip()
    if user.name == before:
        return
    validate(user, InvalidUser)
    user.save(update_fields=["name"])
    record_for_person(
        "profile.changed", user=user, acting_user=acting_user, before={"name": before}, after={"name": user.name}
    )


@transaction.atomic
def record_for_person(
    action: str,
    *,
    user: User,
    acting_user: User | None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Note a change of a person's account in the audit of each organization they belong to.

    Also of an account that is closed, and of memberships that have ended: they may come back.
    """
    with scope.across_organizations("finds whose member an account is"):
        org_ids = list(user.memberships.values_list("org_id", flat=True))
    for org_id in org_ids:
        with scope.within(org_id):
            record(action, org=org_id, actor=acting_user, target=user, before=before, after=after)


def has_second_factor(user: User) -> bool:
    """Whether a login needs a code beside the password."""
    return bool(Authenticator.objects.filter(user_id=user.pk).exists())


def check_second_factor(user: User, code: str) -> bool:
    """Whether ``code`` is one of the person's authenticator app or a recovery code; either is used up by it."""
    return use_second_factor(user=user, code=code) is not None


@transaction.atomic
def use_second_factor(*, user: User, code: str) -> Authenticator | None:
    """Return what the code belongs to, or None: it is wrong, too old, or was used already."""
    # Locked, so that of two at once with the same code one gets in; allauth would ask each process's own cache.
    for authenticator in Authenticator.objects.select_for_update().filter(user_id=user.pk):
        is_app = authenticator.type == Authenticator.Type.TOTP
        if _use_app(authenticator, code) if is_app else authenticator.wrap().validate_code(code):
            authenticator.record_usage()
            return authenticator
    return None


def _use_app(authenticator: Authenticator, code: str) -> bool:
    """A code counts once, and none before the last that counted (RFC 6238, section 5.2)."""
    secret = decrypt(authenticator.data["secret"])
    for counter in yield_hotp_counters_from_time():
        right = compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, counter)))
        if right and counter > authenticator.data.get("last_counter", -1):
            authenticator.data["last_counter"] = counter
            authenticator.save(update_fields=["data"])
            return True
    return False


@transaction.atomic
def remove_second_factor(*, user: User, acting_user: User | None) -> None:
    """Let in by password alone who lost app and recovery codes. Raises :class:`NoSecondFactor`."""
    removed, _ = Authenticator.objects.filter(user_id=user.pk).delete()
    if not removed:
        raise NoSecondFactor(f"{user.email} has no second factor.")
    record_for_person("mfa.disabled", user=user, acting_user=acting_user)
