"""Links that ended with their maker's right to share: taken back, so that they stay closed."""

from datetime import datetime
from itertools import islice

from orgs import scope
from orgs.models import Organization
from sharing.finding import in_state, organizations_of
from sharing.models import LinkState, ShareLink
from sharing.services.links import revoke_links

REASON = "Who made it may not share it any more."
AT_ONCE = 1000


def revoke_powerless(*, at: datetime) -> int:
    """Take back, in every organization, the links whose makers lost the right to share them; return how many.

    Until then they do not open either (:mod:`sharing.opening`); but they would again if the right came back, which
    nobody expects of a link that had ended. One that is over stays as it is.
    Where sharing is switched off, it waits until it is on again.
    """
    with scope.across_organizations("finds the organizations that share something"):
        orgs = list(organizations_of(ShareLink.unscoped.all(), at=at))
    count = 0
    for org in orgs:
        with scope.within(org.pk):
            count += _revoke_powerless_of(org, at)
    return count


def _revoke_powerless_of(org: Organization, at: datetime) -> int:
    """Found first, and locked in their order then: asked at once, a database may go by the order, through all."""
    powerless = in_state(org.share_links.in_force_at(at), LinkState.MAKER_GONE, org=org, at=at)
    pks, count = iter(powerless.values_list("pk", flat=True)), 0
    while some := list(islice(pks, AT_ONCE)):
        count += revoke_links(links=org.share_links.filter(pk__in=some), acting_user=None, reason=REASON)
    return count
