"""Links by what is known of them, for lists."""

from datetime import datetime

from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from orgs.models import Membership, Organization, Role
from sharing.access import policy_of
from sharing.models import TOKEN_SHOWN, LinkState, ShareLinkQuerySet, SharingPolicy


def matching(links: ShareLinkQuerySet, words: str) -> ShareLinkQuerySet:
    """Those of ``links`` whose note, camera or maker has the words in it, or whose token begins so.

    No more than the beginning that is shown anyway is compared, so that nobody feels their way to a token.
    """
    found = (
        Q(note__icontains=words)
        | Q(device__name__icontains=words)
        | Q(created_by__name__icontains=words)
        | Q(created_by__email__icontains=words)
    )
    if len(words) <= TOKEN_SHOWN:
        found |= Q(token__startswith=words)
    return links.filter(found)


def in_state(links: ShareLinkQuerySet, state: LinkState, *, org: Organization, at: datetime) -> ShareLinkQuerySet:
    """Those of ``links``, all of ``org``, of which :func:`sharing.opening.states_of` says that state."""
    policy = policy_of(org)
    closed = [
        (LinkState.REVOKED, Q(revoked_at__isnull=False)),
        (LinkState.SUSPENDED, _all_or_none(org.suspended_at is not None) | Q(suspended_at__isnull=False)),
        (LinkState.SWITCHED_OFF, _all_or_none(not policy.enabled)),
        (LinkState.MAKER_GONE, ~_made_by_who_may(org, policy, at)),
        (LinkState.EXPIRED, Q(expires_at__isnull=False, expires_at__lte=at)),
        (LinkState.USED_UP, Q(max_views__isnull=False, view_count__gte=F("max_views"))),
    ]
    for closed_state, condition in closed:
        if closed_state == state:
            return links.filter(condition)
        links = links.exclude(condition)
    return links


def organizations_of(links: ShareLinkQuerySet, *, at: datetime) -> QuerySet[Organization]:
    """The organizations, but for suspended ones, of those of ``links`` that are in force at the moment.

    It costs two looks into the index of such links for each organization, however many of its links have ended.
    """
    # In the order of the index, or a database that takes most links for ones in force goes through all of them;
    # each by itself, for a disjunction is no range of an index.
    theirs = links.in_force_at(at).filter(org=OuterRef("pk")).order_by("expires_at").values("pk")
    never_ends, ends_later = theirs.filter(expires_at=None)[:1], theirs.filter(expires_at__gt=at)[:1]
    first = Coalesce(Subquery(never_ends), Subquery(ends_later))
    return Organization.objects.alias(first=first).filter(first__isnull=False, suspended_at=None)


def _made_by_who_may(org: Organization, policy: SharingPolicy, at: datetime) -> Q:
    """The condition that :func:`sharing.access.may_share` holds for who made a link, of everybody at once."""
    may = Q(created_by=None, without_maker=True)
    smallest = Role(policy.smallest_role)
    members = org.memberships.live_at(at).filter(user__is_active=True).select_related("user")
    sharing: list[Membership] = [row for row in members if Role(row.role).covers(smallest)]
    may |= Q(created_by__in=[row.user_id for row in sharing if row.cameras is None])
    for row in sharing:
        if row.cameras is not None:
            may |= Q(created_by=row.user_id, device__in=list(row.cameras))
    return may


def _all_or_none(is_all: bool) -> Q:
    return Q(pk__isnull=False) if is_all else Q(pk__in=[])
