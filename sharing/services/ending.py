"""Links that ended with their maker's right to share: taken back, so that they stay closed."""

from datetime import datetime

from orgs import scope
from sharing.finding import in_state, organizations_with
from sharing.models import LinkState, ShareLink
from sharing.services.links import revoke_links

REASON = "Who made it may not share it any more."


def revoke_powerless(*, at: datetime) -> int:
    """Take back, in every organization, the open links whose makers lost the right to share; return how many.

    Until then they do not open either (:mod:`sharing.opening`); but they would again if the right came back, which
    nobody expects of a link that had ended. Where sharing is switched off, it waits until it is on again.
    """
    with scope.across_organizations("finds the organizations that share something"):
        orgs = organizations_with(ShareLink.unscoped.open_at(at))
    count = 0
    for org in orgs:
        with scope.within(org.pk):
            links = in_state(org.share_links.open_at(at), LinkState.MAKER_GONE, org=org, at=at)
            count += revoke_links(links=links, acting_user=None, reason=REASON)
    return count
