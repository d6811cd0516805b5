"""Personal API tokens, and who it is that shows one."""

from datetime import timedelta

from django.utils import timezone

from orgs import scope
from orgs.access import get_membership
from orgs.errors import NotAuthenticated
from orgs.keys import matches, prefix_of
from orgs.models import ApiToken, Membership

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


def authenticate_token(*, text: str, ip: str | None) -> tuple[ApiToken, Membership]:
    """Return the token of that text and the membership it acts by, and note that it was used.

    Raises :class:`TokenUnknown`, :class:`TokenRevoked`, :class:`TokenExpired` or :class:`MembershipEnded`.
    """
    prefix = prefix_of(text, "usr")
    with scope.across_organizations("finds whose token it is"):
        token = ApiToken.unscoped.select_related("user").filter(prefix=prefix).first() if prefix else None
    if token is None or not matches(text, digest=token.digest, pepper_id=token.pepper_id):
        raise TokenUnknown("This token opens nothing here. Was it copied whole?")
    if token.revoked_at is not None:
        raise TokenRevoked("This token was revoked.")
    now = timezone.now()
    if token.is_expired_at(now):
        raise TokenExpired("This token has expired.")
    membership = get_membership(token.user, token.org_id)
    if membership is None:
        raise MembershipEnded("The token's owner is not a member of its organization any more.")
    if token.last_used_at is None or now - token.last_used_at >= SIGHTING_INTERVAL:
        with scope.within(token.org_id):
            unchanged = ApiToken.unscoped.filter(pk=token.pk, last_used_at=token.last_used_at)
            unchanged.update(last_used_at=now, last_used_from=ip)
    return token, membership
