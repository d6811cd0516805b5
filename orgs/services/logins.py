"""Logging in to the API: short access tokens, and refresh tokens that are each good for one renewal.

A refresh token's id is ``<login>.<number>``: all that came of one login is ended together, by a logout, or when a
refresh token that was renewed already is shown again and so must have been copied. The tokens themselves are
not kept, only their ids.
"""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from allauth.account import app_settings as account_settings
from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import update_last_login
from django.db import transaction
from django.utils import timezone
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.utils import datetime_from_epoch, get_md5_hash_password

from orgs import scope
from orgs.access import OrganizationNotThere, find_membership, get_membership, memberships_of
from orgs.errors import Invalid, NotAllowed, NotAuthenticated
from orgs.jwts import RefreshToken
from orgs.models import Membership, User
from orgs.ratelimits import count
from orgs.services.accounts import (
    change_password,
    check_second_factor,
    has_second_factor,
    sign_up,
)
from orgs.services.addresses import vouch_for_address
from orgs.services.invitations import accept_invitation
from orgs.services.tokens import MembershipEnded
from orgs.services.users import find_user

# The claim of both tokens that names the organization they are for; it is missing for who belongs to none.
ORGANIZATION_CLAIM = "org"
# A refresh token that is shown again this soon was sent twice by a client in doubt; later, it was copied.
DOUBT = timedelta(seconds=10)


class LoginRefused(NotAuthenticated):
    code = "login_refused"


class OtpRequired(NotAuthenticated):
    code = "otp_required"


class OtpInvalid(NotAuthenticated):
    code = "otp_invalid"


class EmailNotVerified(NotAllowed):
    code = "email_not_verified"


class RefreshTokenInvalid(NotAuthenticated):
    code = "refresh_token_invalid"


class SignUpClosed(NotAllowed):
    code = "sign_up_closed"


class WrongPassword(Invalid):
    code = "wrong_password"


@dataclass(frozen=True)
class Login:
    """Who is in, for which organization (None: for none), and the tokens that show it.

    The tokens are None for who signed up and must verify the address before.
    """

    user: User
    membership: Membership | None
    access: str | None
    refresh: str | None


class _RefreshToken(RefreshToken):
    """Whether it was renewed already is looked at under a lock, by :func:`_renew`."""

    def check_blacklist(self) -> None:
        pass


class _Copied(Exception):
    """A refresh token was shown again that had been renewed."""


def log_in(*, email: str, password: str, otp: str = "", organization: str = "") -> Login:
    """Let in who knows the password, and the second factor if they have one.

    ``organization`` is an id or a slug; without it, the tokens are for the one whose member they are longest.
    Raises :class:`LoginRefused`, :class:`OtpRequired`, :class:`OtpInvalid`, :class:`EmailNotVerified`,
    :class:`OrganizationNotThere` or, with codes tried too often, ``TooManyRequests``.
    """
    user = _person_of(email, password)
    vouch_for_address(user=user)
    if not _may_enter(user):
        raise EmailNotVerified("Confirm your e-mail address first: open the link that was sent to you.")
    _check_otp(user, otp)
    return _start(user, _chosen(user, organization))


@transaction.atomic
def sign_up_and_log_in(*, email: str, password: str, invitation: str = "", **fields: str) -> Login:
    """Make an account, which founds an organization or joins the one of the ``invitation`` (its token).

    Raises what :func:`~orgs.services.accounts.sign_up` and
    :func:`~orgs.services.invitations.accept_invitation` raise, and :class:`SignUpClosed`.
    """
    if not invitation and settings.VISANT_SIGNUP != "open":
        raise SignUpClosed("Only who was invited can make an account here.")
    user = sign_up(email=email, password=password, founding=not invitation, **fields)
    if invitation:
        accept_invitation(token=invitation, user=user)
    if not _may_enter(user):
        return Login(user, find_membership(user), None, None)
    return _start(user, find_membership(user))


def refresh_login(*, refresh: str, organization: str = "") -> Login:
    """Renew both tokens; ``refresh`` is used up by it. ``organization`` changes to another one of the person's.

    Of two renewals at once one wins. Raises :class:`RefreshTokenInvalid`, ``MembershipEnded`` or
    :class:`OrganizationNotThere`.
    """
    token = _read(refresh)
    try:
        return _renew(token, organization)
    except _Copied:
        _end(token)
        raise RefreshTokenInvalid(
            "This refresh token was used before. The login is ended; log in again."
        ) from None


def log_out(*, refresh: str) -> None:
    """End the login: none of its refresh tokens opens anything any more. Ending it again changes nothing."""
    _end(_read(refresh))


def change_own_password(*, user: User, membership: Membership | None, present: str, new: str) -> Login:
    """Change the password of a person who is in, and return new tokens: all others end.

    Raises :class:`WrongPassword`, ``WeakPassword`` and, tried too often, ``TooManyRequests``.
    """
    count("login_account", user.pk.hex)
    if not user.check_password(present):
        raise WrongPassword("This is not your present password.")
    with transaction.atomic():
        change_password(user=user, password=new, acting_user=user)
        return _start(user, membership)


def forget_expired_logins() -> None:
    """Delete the ids of refresh tokens that have expired: nobody can show them any more."""
    OutstandingToken.objects.filter(expires_at__lt=timezone.now()).delete()


@transaction.atomic
def _start(user: User, membership: Membership | None) -> Login:
    update_last_login(type(user), user)
    return _issue(user, membership, login=uuid.uuid4().hex)


def _may_enter(user: User) -> bool:
    """Whether the person's address is as verified as the settings want it."""
    if account_settings.EMAIL_VERIFICATION != account_settings.EmailVerificationMethod.MANDATORY:
        return True
    return bool(EmailAddress.objects.filter(user_id=user.pk, email=user.email, verified=True).exists())


def _person_of(email: str, password: str) -> User:
    """It takes as long to refuse an address that nobody has as a password that is wrong."""
    user = find_user(email=email)
    if user is None:
        make_password(password)
    elif user.check_password(password) and user.is_active:
        return user
    raise LoginRefused("The address and the password do not belong together.")


@transaction.atomic
def _check_otp(user: User, otp: str) -> None:
    if not has_second_factor(user):
        return
    if not otp:
        raise OtpRequired("This login needs a code of your authenticator app, or a recovery code, as otp.")
    count("login_account", user.pk.hex)
    if not check_second_factor(user, otp):
        raise OtpInvalid("This code is wrong, or was used already.")


def _chosen(user: User, organization: str) -> Membership | None:
    """The membership of the organization of that id or slug; of none named, the oldest."""
    if not organization:
        return find_membership(user)
    with scope.across_organizations("finds the organization a person names among their own"):
        for membership in memberships_of(user):
            if organization.lower() in (str(membership.org_id), membership.org.slug):
                return membership
    raise OrganizationNotThere("You are not a member of such an organization.")


def _issue(user: User, membership: Membership | None, *, login: str) -> Login:
    token = _RefreshToken()
    token[api_settings.JTI_CLAIM] = f"{login}.{uuid.uuid4().hex}"
    token[api_settings.USER_ID_CLAIM] = str(user.pk)
    # A token ends with the password it was made with.
    token[api_settings.REVOKE_TOKEN_CLAIM] = get_md5_hash_password(user.password)
    if membership is not None:
        token[ORGANIZATION_CLAIM] = str(membership.org_id)
    OutstandingToken.objects.create(
        user=user,
        jti=token[api_settings.JTI_CLAIM],
        token="",  # the column is there, but a stolen database must not open anything
        created_at=token.current_time,
        expires_at=datetime_from_epoch(token["exp"]),
    )
    return Login(user, membership, str(token.access_token), str(token))


def _read(refresh: str) -> _RefreshToken:
    try:
        return _RefreshToken(refresh)  # type: ignore[arg-type] # its text, whatever the annotation says
    except TokenError as error:
        raise RefreshTokenInvalid("The refresh token has ended or is none of ours; log in again.") from error


@transaction.atomic
def _renew(token: _RefreshToken, organization: str) -> Login:
    """The person's row is locked: renewals and changes of the password wait for each other."""
    user = User.objects.select_for_update(no_key=True).filter(pk=token[api_settings.USER_ID_CLAIM]).first()
    row = OutstandingToken.objects.select_related("blacklistedtoken").filter(jti=token["jti"]).first()
    if user is None or row is None or not user.is_active or _password_changed(token, user):
        raise RefreshTokenInvalid("The refresh token has ended or is none of ours; log in again.")
    used = getattr(row, "blacklistedtoken", None)
    if used is not None:
        if timezone.now() - used.blacklisted_at > DOUBT:
            raise _Copied
        raise RefreshTokenInvalid("This refresh token was used already, or its login has ended.")
    membership = _still_member(user, token.get(ORGANIZATION_CLAIM))
    if organization or membership is None:
        membership = _chosen(user, organization)
    BlacklistedToken.objects.create(token=row)
    return _issue(user, membership, login=_login_of(token))


def _still_member(user: User, org_id: Any) -> Membership | None:
    if org_id is None:
        return None
    membership = get_membership(user, uuid.UUID(org_id))
    if membership is None:
        raise MembershipEnded("You are not a member of this organization any more; log in again.")
    return membership


@transaction.atomic
def _end(token: _RefreshToken) -> None:
    User.objects.select_for_update(no_key=True).filter(pk=token[api_settings.USER_ID_CLAIM]).first()
    rows = OutstandingToken.objects.filter(jti__startswith=f"{_login_of(token)}.", blacklistedtoken=None)
    BlacklistedToken.objects.bulk_create([BlacklistedToken(token=row) for row in rows], ignore_conflicts=True)


def _login_of(token: _RefreshToken) -> str:
    return str(token[api_settings.JTI_CLAIM]).partition(".")[0]


def _password_changed(token: _RefreshToken, user: User) -> bool:
    return bool(token.get(api_settings.REVOKE_TOKEN_CLAIM) != get_md5_hash_password(user.password))
