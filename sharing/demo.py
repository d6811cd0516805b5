"""Links of the demo organization that ``seed_demo`` makes (``settings.DEMO_PARTS``), with visitors behind them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.utils import timezone

from orgs.models import Organization, Role
from sharing.access import policy_of
from sharing.models import LinkDay, LinkKind, ShareLink
from sharing.services.links import create_link
from sharing.spans import span_of_days

DAYS_OPEN = 90
ENDED_DAYS_AGO = 4
# Views of one day after the other, the last of today, or of the day on which the link ended.
OF_THE_CAMERA = (2, 5, 9, 4, 0, 3, 7, 12, 6, 4, 8, 3)
OF_THE_LATEST = (14, 11, 17, 9, 13, 10)
OF_THE_ENDED = (3, 6, 1)
# Of so many views one is of somebody who was there before on that day.
COMES_AGAIN = 3


@transaction.atomic
def share_demo(*, org: Organization) -> None:
    """Share a camera, the latest picture of one, and a span of days whose link has ended.

    Once: where there are links already, or no camera, nothing is made.
    """
    devices = list(org.devices.by_name())
    if not devices or org.share_links.exists():
        return
    now = timezone.now()
    owner = org.memberships.filter(role=Role.OWNER).oldest_first()[0]
    days = min(DAYS_OPEN, policy_of(org).longest_days or DAYS_OPEN)
    share = partial(create_link, membership=owner, expires_in_days=days)
    camera = share(device=devices[0], kind=LinkKind.DEVICE, note="For the site manager")
    _let_pass(camera, OF_THE_CAMERA, until=now)
    another = devices[len(devices) // 2]
    latest = share(device=another, kind=LinkKind.LATEST, note="On the sign at the gate", verdict_shown=False)
    _let_pass(latest, OF_THE_LATEST, until=now)
    ended_at = now - timedelta(days=ENDED_DAYS_AGO)
    seen = ended_at.astimezone(org.clock).date() - timedelta(days=len(OF_THE_ENDED))
    since, until = span_of_days(devices[-1], seen - timedelta(days=6), seen)
    ended = share(
        device=devices[-1],
        kind=LinkKind.RANGE,
        range_from=since,
        range_until=until,
        note="For the insurance",
    )
    _let_pass(ended, OF_THE_ENDED, until=ended_at, expires_at=ended_at)


def _let_pass(link: ShareLink, views: Sequence[int], *, until: datetime, **fields: datetime) -> None:
    """Leave a link as if it had been made as many days before, and been looked at so often on each."""
    link.created_at, link.last_viewed_at = until - timedelta(days=len(views) - 1), until
    link.view_count = sum(views)
    for name, value in fields.items():
        setattr(link, name, value)
    link.save(update_fields=["created_at", "last_viewed_at", "view_count", *fields])
    last = until.astimezone(link.org.clock).date()
    link.org.link_days.bulk_create(
        LinkDay(
            org=link.org,
            link=link,
            day=last - timedelta(days=back),
            views=count,
            visitors=count - count // COMES_AGAIN,
            salt="",
        )
        for back, count in enumerate(reversed(views))
    )
