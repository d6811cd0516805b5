"""Who shared something that nobody opened is told of it once a week: a link nobody needs is best taken back."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import partial

from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Q
from django.template.loader import render_to_string
from django.utils import timezone

from orgs import scope
from orgs.absolute import absolute_url
from orgs.models import Organization, User
from sharing.finding import in_state, organizations_of
from sharing.models import LinkState, ShareLink, ShareLinkQuerySet, SharingPolicy

logger = logging.getLogger(__name__)

MONDAY, MORNING = 0, 7
# Of what was shared since, somebody may still be about to open it.
NOT_YET_MISSED = timedelta(days=1)
MOST_TOLD = 50


def remind_of_unopened(*, at: datetime) -> int:
    """Tell the makers of open links that were never opened, on Monday morning of each organization's clock.

    Once a week, also when several run at once or one is cut off; return how many organizations it was done for.
    """
    with scope.across_organizations("finds the organizations whose links were never opened"):
        orgs = list(organizations_of(_unopened(ShareLink.unscoped.all(), at), at=at))
    count = 0
    for org in orgs:
        local = at.astimezone(org.clock)
        if local.weekday() == MONDAY and local.hour >= MORNING:
            with scope.within(org.pk):
                count += _remind(org, at, local.date())
    return count


@transaction.atomic
def _remind(org: Organization, at: datetime, today: date) -> bool:
    """Of several at once one tells: who changes the row."""
    SharingPolicy.unscoped.get_or_create(org=org)
    untold = SharingPolicy.unscoped.filter(Q(reminded_on=None) | Q(reminded_on__lt=today), org=org)
    if not untold.update(reminded_on=today):
        return False
    links = _unopened(in_state(org.share_links.in_force_at(at), LinkState.OPEN, org=org, at=at), at)
    theirs: dict[User, list[ShareLink]] = defaultdict(list)
    for link in links.select_related("device", "created_by").order_by("created_at"):
        if link.created_by is not None:
            theirs[link.created_by].append(link)
    for maker, rows in theirs.items():
        transaction.on_commit(partial(_mail, org, maker, rows))
    return True


def _unopened(links: ShareLinkQuerySet, at: datetime) -> ShareLinkQuerySet:
    return links.filter(view_count=0, created_at__lte=at - NOT_YET_MISSED).order_by()


def _mail(org: Organization, maker: User, links: Sequence[ShareLink]) -> None:
    """A mail server that is away costs this week's mail, and nothing else."""
    count = f"{len(links)} links" if len(links) > 1 else "a link"
    context = {
        "org": org,
        "links": [(link, absolute_url("share-link", link.pk)) for link in links[:MOST_TOLD]],
        "more": max(0, len(links) - MOST_TOLD),
        "list": absolute_url("sharing"),
    }
    with scope.within(org.pk), timezone.override(org.clock):
        text = render_to_string("sharing/mail/unopened.txt", context)
    try:
        send_mail(f"{org}: {count} of yours nobody has opened", text, None, [maker.email])
    except OSError:
        logger.exception("%s could not be told of links that nobody opened.", maker.pk)
