"""What a token opens now. Every door for visitors asks here, and nowhere else."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from captures.models import CaptureQuerySet
from orgs import scope
from orgs.errors import Gone, NotThere
from orgs.models import Membership, Organization
from sharing.access import may_share, policies_of, policy_of
from sharing.models import LinkKind, LinkState, ShareLink, SharingPolicy
from sharing.words import share_type_of


class LinkNotThere(NotThere):
    code = "link_not_found"


class LinkClosed(Gone):
    """The link was there. ``state`` says what closed it."""

    code = "link_closed"

    def __init__(self, link: ShareLink, state: LinkState, policy: SharingPolicy) -> None:
        super().__init__(CLOSED[state])
        self.link = link
        self.state = state
        self.policy = policy
        self.told = {"state": str(state), "share_type": share_type_of(link)}


CLOSED = {
    LinkState.USED_UP: "This link has been opened as often as it may be.",
    LinkState.EXPIRED: "This link has expired.",
    LinkState.MAKER_GONE: "This link has ended: who shared it may not share it any more.",
    LinkState.SWITCHED_OFF: "The organization does not share pictures at present.",
    LinkState.SUSPENDED: "This link was stopped by the operator of this service.",
    LinkState.REVOKED: "This link was taken back by who shared it.",
}


@dataclass(frozen=True)
class Opened:
    """A link that is open at ``at``, but perhaps for its last view having been taken (``is_used_up``)."""

    link: ShareLink
    policy: SharingPolicy
    maker: Membership | None
    at: datetime

    @property
    def is_used_up(self) -> bool:
        return _is_used_up(self.link)

    @property
    def is_makers_to_share(self) -> bool:
        """Whether who made it may share the camera now; else it shows nothing, whatever is changed of it."""
        return _maker_may(self.link, self.policy, self.maker, self.at)

    @property
    def ends_at(self) -> datetime | None:
        """When it will be open no more, as far as that is known now."""
        ends = (self.link.expires_at, self.maker.valid_until if self.maker else None)
        return min((moment for moment in ends if moment), default=None)

    @property
    def captures(self) -> CaptureQuerySet:
        """The pictures it shows, of which :mod:`sharing.sampling` may show some only."""
        return captures_shown(self.link, self.maker, at=self.at)

    def closed(self, state: LinkState) -> LinkClosed:
        return LinkClosed(self.link, state, self.policy)


def find_link(token: str) -> ShareLink:
    """Return the link of that token, open or not. Raises :class:`LinkNotThere`."""
    with scope.across_organizations("a token tells the organization"):
        link = ShareLink.unscoped.with_token(token).select_related("device__org", "org").first()
    if link is None:
        raise LinkNotThere("There is no such link.")
    return link


def open_link(token: str, *, at: datetime) -> Opened:
    """Return what the token opens. Raises :class:`LinkNotThere`, and :class:`LinkClosed` but for used up views."""
    link = find_link(token)
    with scope.within(link.org_id):
        policy = policy_of(link.org)
        maker = _makers([link.org], [link]).get(_maker_of(link))
    state = _state(link, policy, maker, at)
    if state not in (LinkState.OPEN, LinkState.USED_UP):
        raise LinkClosed(link, state, policy)
    return Opened(link, policy, maker, at)


def as_if_open(link: ShareLink, *, at: datetime) -> Opened:
    """What a link of one's own organization shows, whatever closes it: for its preview. It need not be saved.

    That is as far as its maker reaches, and no further than who looks does: members have their own links, and
    admins, who have all, see everything.
    """
    maker = _makers([link.org], [link]).get(_maker_of(link))
    return Opened(link, policy_of(link.org), maker, at)


def states_of(links: Iterable[ShareLink], *, at: datetime) -> dict[UUID, LinkState]:
    """Return the state of each of these links by its id, by two queries; ``link.org`` is asked for."""
    links = list(links)
    orgs = {link.org for link in links}
    policies, makers = policies_of(orgs), _makers(orgs, links)
    return {link.pk: _state(link, policies[link.org_id], makers.get(_maker_of(link)), at) for link in links}


def captures_shown(link: ShareLink, maker: Membership | None, *, at: datetime) -> CaptureQuerySet:
    """The pictures that a link shows at a moment: judged ones only, and none its maker may not see."""
    captures: CaptureQuerySet = link.device.captures.pictured().filter(verdict__isnull=False)
    if link.kind == LinkKind.CAPTURE:
        captures = captures.filter(pk__in=[link.capture_id])
    if link.kind == LinkKind.RANGE:
        captures = captures.filter(captured_at__gte=link.range_from, captured_at__lt=link.range_until)
    if link.delay_hours:
        captures = captures.filter(captured_at__lte=at - timedelta(hours=link.delay_hours))
    if maker is not None and maker.history_from is not None:
        captures = captures.filter(captured_at__gte=maker.history_from)
    return captures


def _maker_of(link: ShareLink) -> tuple[UUID, UUID | None]:
    return link.org_id, link.created_by_id


def _makers(
    orgs: Collection[Organization], links: Iterable[ShareLink]
) -> dict[tuple[UUID, UUID | None], Membership]:
    """The memberships in ``orgs`` of those who made the links, by organization and person."""
    people = {link.created_by_id for link in links if link.created_by_id}
    rows = Membership.unscoped.filter(org__in=orgs, user__in=people) if people else Membership.unscoped.none()
    return {(row.org_id, row.user_id): row for row in rows.select_related("user")}


def _state(link: ShareLink, policy: SharingPolicy, maker: Membership | None, at: datetime) -> LinkState:
    if link.revoked_at is not None:
        return LinkState.REVOKED
    if link.suspended_at is not None or link.org.suspended_at is not None:
        return LinkState.SUSPENDED
    if not policy.enabled:
        return LinkState.SWITCHED_OFF
    if not _maker_may(link, policy, maker, at):
        return LinkState.MAKER_GONE
    if link.expires_at is not None and link.expires_at <= at:
        return LinkState.EXPIRED
    return LinkState.USED_UP if _is_used_up(link) else LinkState.OPEN


def _maker_may(link: ShareLink, policy: SharingPolicy, maker: Membership | None, at: datetime) -> bool:
    if maker is None:
        return link.without_maker
    return may_share(maker, link.device, policy, at=at)


def _is_used_up(link: ShareLink) -> bool:
    return link.max_views is not None and link.view_count >= link.max_views
