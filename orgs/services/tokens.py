"""Personal API tokens: making, naming and revoking them, and who it is that shows one.

What a token may do is settled when it is made. To change it, one makes another and revokes the first.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from orgs import metering, scope
from orgs.access import get_membership
from orgs.audit import record
from orgs.errors import Invalid, NotAllowed, NotAuthenticated
from orgs.keys import make_key, matches, prefix_of
from orgs.models import ApiToken, Membership, User
from orgs.networks import as_networks, is_within
from orgs.ratelimits import count_unknown_secret
from orgs.services.powers import as_it_is_now
from orgs.services.validation import validate

# A token's last use is written at most this often.
SIGHTING_INTERVAL = timedelta(minutes=1)


class TokenUnknown(NotAuthenticated):
    code = "token_unknown"


class TokenRevoked(NotAuthenticated):
    code = "token_revoked"


class TokenExpired(NotAuthenticated):
    code = "token_expired"


class MembershipEnded(NotAuthenticated):
    code = "membership_ended"


class NetworkNotAllowed(NotAllowed):
    code = "network_not_allowed"


class InvalidToken(Invalid):
    code = "invalid_token"


@transaction.atomic
def create_token(
    *,
    membership: Membership,
    name: str,
    access: str = ApiToken.Access.READ,
    expires_at: datetime | None = None,
    networks: Sequence[str] = (),
    daily_quota: int | None = None,
) -> tuple[ApiToken, str]:
    """Make a token that can do what ``membership`` can, and return it with its text, which is shown this once.

    Raises :class:`InvalidToken`, also for an ``expires_at`` that is past and for a network that is none, and
    ``NotAMember``: a token made while its membership ends would escape the end, and open again for who is
    invited again.
    """
    membership = as_it_is_now(membership)
    if expires_at is not None and expires_at <= timezone.now():
        sentence = "A token must end in the future, or not at all."
        raise InvalidToken(sentence, fields={"expires_at": sentence})
    new = make_key("usr")
    token = ApiToken(
        org_id=membership.org_id,
        user=membership.user,
        name=name.strip(),
        access=access,
        expires_at=expires_at,
        networks=as_networks(networks, InvalidToken),
        daily_quota=daily_quota,
        prefix=new.prefix,
        digest=new.digest,
        pepper_id=new.pepper_id,
    )
    validate(token, InvalidToken)
    token.save(force_insert=True)
    after = {field: getattr(token, field) for field in ("name", "access", "expires_at", "networks", "daily_quota")}
    record("token.created", org=token.org_id, actor=membership.user, target=token, after=after)
    return token, new.text


@transaction.atomic
def rename_token(*, token: ApiToken, name: str, acting_user: User) -> None:
    """Change a token's name, which is all about it that can be changed."""
    before, token.name = token.name, name.strip()
    validate(token, InvalidToken)
    token.save(update_fields=["name"])
    record(
        "token.renamed",
        org=token.org_id,
        actor=acting_user,
        target=token,
        before={"name": before},
        after={"name": token.name},
    )


@transaction.atomic
def revoke_token(*, token: ApiToken, acting_user: User | None) -> None:
    """End a token at once. Revoking it again changes nothing."""
    if ApiToken.unscoped.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
        record("token.revoked", org=token.org_id, actor=acting_user, target=token)
    token.refresh_from_db(fields=["revoked_at"])


def revoke_tokens_of(*, membership: Membership, acting_user: User) -> None:
    """End all tokens that act by a membership."""
    for token in membership.org.apitokens.filter(user=membership.user_id, revoked_at=None):
        revoke_token(token=token, acting_user=acting_user)


def authenticate_token(*, text: str, ip: str | None) -> tuple[ApiToken, Membership]:
    """Return the token of that text and the membership it acts by, and note that it was used.

    Raises :class:`TokenUnknown`, :class:`TokenRevoked`, :class:`TokenExpired`, :class:`NetworkNotAllowed`,
    :class:`MembershipEnded` or ``QuotaUsedUp``.
    """
    token = _find_token(text)
    now = timezone.now()
    if token.revoked_at is not None:
        raise TokenRevoked("This token was revoked.")
    if token.is_expired_at(now):
        raise TokenExpired("This token has expired.")
    if not is_within(ip, token.networks):
        raise NetworkNotAllowed("This token may not be used from your address.")
    membership = get_membership(token.user, token.org_id)
    if membership is None:
        raise MembershipEnded("The token's owner is not a member of its organization any more.")
    metering.count_request(token)
    metering.refuse_over_quota(token)
    if token.last_used_at is None or now - token.last_used_at >= SIGHTING_INTERVAL:
        with scope.within(token.org_id):
            unchanged = ApiToken.unscoped.filter(pk=token.pk, last_used_at=token.last_used_at)
            unchanged.update(last_used_at=now, last_used_from=ip)
    return token, membership


def _find_token(text: str) -> ApiToken:
    prefix = prefix_of(text, "usr")
    with scope.across_organizations("finds whose token it is"):
        token = ApiToken.unscoped.select_related("user").filter(prefix=prefix).first() if prefix else None
    if token is None or not matches(text, digest=token.digest, pepper_id=token.pepper_id):
        count_unknown_secret(prefix)
        raise TokenUnknown("This token opens nothing here. Was it copied whole?")
    return token
