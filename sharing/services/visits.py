"""Visitors: their passwords, and the counting of their views."""

import hashlib
from datetime import date, datetime
from uuid import UUID

from django.contrib.auth.hashers import check_password
from django.db import IntegrityError, transaction
from django.db.models import F

from orgs import origin
from orgs.errors import NotAllowed
from orgs.ratelimits import (
    count,
    count_by_address,
    neighbourhood,
    refuse_used_up,
    refuse_used_up_by_address,
)
from sharing.models import LinkDay, LinkState, LinkVisit, ShareLink
from sharing.opening import Opened, open_link
from sharing.services.links import LONGEST_PASSWORD


class WrongPassword(NotAllowed):
    code = "wrong_link_password"


def check_visitor(*, opened: Opened, password: str) -> None:
    """Raise :class:`WrongPassword`, or before anything is hashed ``TooManyRequests``; of none, let everybody in.

    Wrong ones are counted by link and address, and by link: nobody is locked out of another link, and those who
    know the password use up nobody's tries. Beyond a limit a right one is refused like a wrong one.
    """
    link = opened.link
    if not link.password_hash:
        return
    refuse_used_up_by_address("share_password_address", at=link.pk)
    refuse_used_up("share_password_link", link.pk)
    # A longer one is no link's password, and only work for the hash.
    if len(password) <= LONGEST_PASSWORD and check_password(password, link.password_hash):
        return
    day = _day_of(link, opened.at)
    LinkDay.unscoped.filter(pk=day.pk).update(refused_passwords=F("refused_passwords") + 1)
    count("share_password_link", link.pk)
    count_by_address("share_password_address", at=link.pk)
    raise WrongPassword("That is not the password of this link.")


@transaction.atomic
def count_view(*, opened: Opened, visit_id: UUID, agent: str) -> None:
    """Count the visit's one view; counting it again changes nothing.

    ``agent`` is what the visitor's browser calls itself: with the address it tells visitors of a day apart. Raises
    :class:`~sharing.opening.LinkClosed` when others took the last view, or the link was closed meanwhile.
    """
    link, at = opened.link, opened.at
    day = _day_of(link, at)
    visitor = _visitor(day, agent, visit_id)
    if not _is_first(
        LinkVisit(pk=visit_id, org_id=link.org_id, link=link, day=day.day, visitor=visitor, counted_at=at)
    ):
        return
    # The check and the count are one UPDATE: two visitors cannot both take the last view. Raising takes the row of
    # the visit back with it.
    taken = ShareLink.unscoped.filter(pk=link.pk).open_at(at)
    if not taken.update(view_count=F("view_count") + 1, last_viewed_at=at):
        raise open_link(link.token, at=at).closed(LinkState.USED_UP)
    # The link's row is locked from here on, so that two visits of one visitor see each other.
    others = LinkVisit.unscoped.filter(link=link, day=day.day, visitor=visitor).exclude(pk=visit_id)
    seen = F("visitors") if others.exists() else F("visitors") + 1
    LinkDay.unscoped.filter(pk=day.pk).update(views=F("views") + 1, visitors=seen)


def is_counted(*, link: ShareLink, visit_id: UUID) -> bool:
    """Whether the visit has its view, so that it goes on when the last one is taken."""
    return LinkVisit.unscoped.filter(pk=visit_id, link=link).exists()


def _is_first(visit: LinkVisit) -> bool:
    try:
        with transaction.atomic():
            visit.save(force_insert=True)
    except IntegrityError:
        return False
    return True


def _day_of(link: ShareLink, at: datetime) -> LinkDay:
    day: date = at.astimezone(link.org.clock).date()
    row, _ = LinkDay.unscoped.get_or_create(link=link, day=day, defaults={"org_id": link.org_id})
    return row


def _visitor(day: LinkDay, agent: str, visit_id: UUID) -> str:
    """The same text for whoever comes again on that day; of a day whose salt is forgotten, another each time.

    Without a salt a hash would tell the address to whoever tries all there are.
    """
    ip = origin.current().ip
    who = f"{neighbourhood(ip)} {agent}" if day.salt and ip else str(visit_id)
    return hashlib.sha256(f"{day.salt} {who}".encode()).hexdigest()
