"""How a person shows who they are: an access token (JWT) of ``/v1/auth/login``, or a personal API token."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken
from rest_framework_simplejwt.utils import datetime_from_epoch

from orgs import origin, scope
from orgs.access import get_membership
from orgs.errors import NotAuthenticated
from orgs.models import ApiToken, Membership, User
from orgs.services.logins import ORGANIZATION_CLAIM
from orgs.services.tokens import MembershipEnded, authenticate_token


class TokenMissing(NotAuthenticated):
    code = "token_missing"


class AccessTokenInvalid(NotAuthenticated):
    code = "access_token_invalid"


@dataclass(frozen=True)
class Credentials:
    """What a person came with: ``membership`` is None for who belongs to no organization.

    ``token_ends_at``: when what they showed ends, if it does.
    """

    membership: Membership | None
    token: ApiToken | None = None
    token_ends_at: datetime | None = None

    @property
    def may_write(self) -> bool:
        return self.token is None or self.token.access == ApiToken.Access.WRITE

    @property
    def ends_at(self) -> datetime | None:
        """When they may look no longer: their token ends, or their membership; None: it does not."""
        valid_until = self.membership.valid_until if self.membership else None
        return min(filter(None, (self.token_ends_at, valid_until)), default=None)


class PersonAuthentication(BaseAuthentication):
    """``request.user`` is the :class:`~orgs.models.User`, ``request.auth`` the :class:`Credentials`.

    From here on the rows of the person's organization can be seen, and no others.
    """

    def authenticate(self, request: Request) -> tuple[User, Credentials]:
        text = shown_token(request)
        user, credentials = _by_token(text) if text.startswith("vis_usr_") else _by_access_token(text)
        if credentials.membership is not None:
            scope.enter(credentials.membership.org_id)
        return user, credentials


def shown_token(request: Request) -> str:
    scheme, _, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise TokenMissing("Show an access token or a personal API token: Authorization: Bearer ….")
    return str(text.strip())


def _by_token(text: str) -> tuple[User, Credentials]:
    token, membership = authenticate_token(text=text, ip=origin.current().ip)
    return token.user, Credentials(membership, token, token.expires_at)


def _by_access_token(text: str) -> tuple[User, Credentials]:
    """An access token ends with the password it was made with, and with the membership it is for."""
    backend = JWTAuthentication()
    try:
        claims = backend.get_validated_token(text.encode())
        user = cast(User, backend.get_user(claims))
        org_id = uuid.UUID(claims[ORGANIZATION_CLAIM]) if claims.get(ORGANIZATION_CLAIM) else None
    except (InvalidToken, AuthenticationFailed, ValueError) as error:
        raise AccessTokenInvalid("The access token has ended or is none of ours; refresh it or log in.") from error
    if org_id is None:
        return user, Credentials(None)
    membership = get_membership(user, org_id)
    if membership is None:
        raise MembershipEnded("You are not a member of this organization any more.")
    return user, Credentials(membership, token_ends_at=datetime_from_epoch(claims["exp"]))
