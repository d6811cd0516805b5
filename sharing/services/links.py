"""Links made, changed and taken back by members."""

import secrets
from copy import copy
from datetime import datetime, timedelta
from typing import Any, Required, TypedDict, Unpack

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils import timezone

from captures.models import Capture
from devices.models import Device
from orgs.audit import record
from orgs.errors import Conflict, Invalid
from orgs.models import Membership, User
from orgs.services.powers import refuse_no_admin
from orgs.services.validation import validate
from sharing.access import links_among, links_of, policy_of, refuse_sharing
from sharing.models import LinkKind, ShareLink, ShareLinkQuerySet, SharingPolicy
from sharing.origins import origins_of

# 192 bits, as 32 characters of an address: nobody guesses one.
TOKEN_BYTES = 24
DEFAULT_DAYS = 7
SHORTEST_PASSWORD = 6
LONGEST_PASSWORD = 128  # a longer one is only work for the hash
MOST_EMBED_ORIGINS = 10


class InvalidLink(Invalid):
    code = "invalid_link"


class LinkRevoked(Conflict):
    code = "link_revoked"


class Terms(TypedDict, total=False):
    """How a link shows what it shows; the fields of its row of the same names."""

    note: str
    max_views: int | None
    download_allowed: bool
    delay_hours: int
    sampling: str
    verdict_shown: bool
    picture_in_preview: bool
    embed_origins: list[str]


class NewLink(Terms, total=False):
    """What a link is made of."""

    device: Required[Device]
    kind: Required[LinkKind]
    capture: Capture | None
    range_from: datetime | None
    range_until: datetime | None
    expires_in_days: "int | type[Never] | None"
    password: str


class Never:
    """In place of a number of days: the link does not expire by itself."""


def default_days(policy: SharingPolicy) -> int:
    """How long a link lives of which nobody said it."""
    return DEFAULT_DAYS if policy.longest_days is None else min(DEFAULT_DAYS, policy.longest_days)


def draft_link(
    *,
    membership: Membership,
    device: Device,
    kind: LinkKind,
    capture: Capture | None = None,
    range_from: datetime | None = None,
    range_until: datetime | None = None,
    expires_in_days: int | type[Never] | None = None,
    password: str = "",
    **terms: Unpack[Terms],
) -> ShareLink:
    """The link that :func:`create_link` would make, which takes and refuses the same; it is not saved."""
    policy = policy_of(membership.org)
    refuse_sharing(membership, device, policy)
    now = timezone.now()
    link = ShareLink(
        org=membership.org,
        token=secrets.token_urlsafe(TOKEN_BYTES),
        kind=kind,
        device=device,
        capture=capture,
        range_from=range_from,
        range_until=range_until,
        expires_at=_expiry(policy, membership, expires_in_days, now),
        password_hash=_hashed(password),
        created_by=membership.user,
        created_at=now,
        **terms,
    )
    _check(link)
    return link


@transaction.atomic
def create_link(*, membership: Membership, **new: Unpack[NewLink]) -> ShareLink:
    """Share what ``kind`` says of the camera, and return the link.

    ``device`` and ``capture`` are such as the member may see. Without ``expires_in_days`` it lives
    :func:`default_days`; it never outlives the membership. Raises :class:`~orgs.access.RoleTooSmall`,
    :class:`~sharing.access.CameraOutOfReach` and :class:`InvalidLink`.
    """
    link = draft_link(membership=membership, **new)
    link.save(force_insert=True)
    said = {"kind", "expires_at", *(Terms.__annotations__.keys() & new.keys())}
    _note("share.created", link, membership.user, after=_told(link, said, new.get("password", "")))
    return link


def draft_change(
    *,
    link: ShareLink,
    membership: Membership,
    expires_in_days: int | type[Never] | None = None,
    **terms: Unpack[Terms],
) -> ShareLink:
    """The link as :func:`change_link` would leave it, which takes and refuses the same; nothing is saved."""
    row = copy(link)
    _change(row, membership, expires_in_days, None, terms)
    return row


@transaction.atomic
def change_link(
    *,
    link: ShareLink,
    membership: Membership,
    expires_in_days: int | type[Never] | None = None,
    password: str | None = None,
    **terms: Unpack[Terms],
) -> ShareLink:
    """Change what is named, and return the link as it is now; an empty ``password`` takes it away.

    ``link`` is one that the member may see. A new password ends the visits that were let in by the one before.
    Days are counted from now. Raises :class:`LinkRevoked`, :class:`InvalidLink` and what :func:`create_link` does.
    """
    row = ShareLink.unscoped.select_for_update(of=("self",)).select_related("device", "org").get(pk=link.pk)
    as_it_was = copy(row)
    changed = _change(row, membership, expires_in_days, password, terms)
    row.save(update_fields=changed)
    before, after = _told(as_it_was, set(changed), ""), _told(row, set(changed), password or "")
    if before != after or password:
        _note("share.changed", row, membership.user, before=before, after=after)
    return row


def _change(
    row: ShareLink,
    membership: Membership,
    expires_in_days: int | type[Never] | None,
    password: str | None,
    terms: Terms,
) -> list[str]:
    """Change the row, and return the names of the fields that were to be."""
    policy = policy_of(row.org)
    refuse_sharing(membership, row.device, policy)
    if row.revoked_at is not None:
        raise LinkRevoked("This link was taken back; make a new one.")
    changes: dict[str, Any] = dict(terms)
    if expires_in_days is not None:
        changes["expires_at"] = _expiry(policy, membership, expires_in_days, timezone.now())
    if password is not None:
        changes["password_hash"] = _hashed(password)
    for name, value in changes.items():
        setattr(row, name, value)
    _check(row)
    return list(changes)


def revoke_link(*, link: ShareLink, membership: Membership) -> None:
    """Take a link back for good; it is one that the member may see. Doing it again changes nothing."""
    revoke_links(links=links_of(membership).filter(pk=link.pk), acting_user=membership.user)


def revoke_all(*, membership: Membership, device: Device | None = None, maker: User | None = None) -> int:
    """Take back all links of the organization, of a camera or of who made them; return how many.

    Raises :class:`~orgs.access.RoleTooSmall` for who is no admin.
    """
    refuse_no_admin(membership)
    links = links_among(membership, device=device, maker=maker)
    return revoke_links(links=links, acting_user=membership.user)


@transaction.atomic
def revoke_links(*, links: ShareLinkQuerySet, acting_user: User | None, reason: str = "") -> int:
    """Take back those of the links that were not yet, each with an entry in the audit; return how many."""
    now, count = timezone.now(), 0
    rows = links.filter(revoked_at=None).select_for_update(of=("self",)).select_related("device").order_by("pk")
    for row in rows:
        row.revoked_at = now
        row.save(update_fields=["revoked_at"])
        _note("share.revoked", row, acting_user, after={"revoked_at": now}, reason=reason)
        count += 1
    return count


def _expiry(
    policy: SharingPolicy, membership: Membership, days: int | type[Never] | None, now: datetime
) -> datetime | None:
    """When a link made now ends: never after the membership that it is made by."""
    longest = policy.longest_days
    if days is None:
        days = default_days(policy)
    if isinstance(days, int):
        if days < 1 or (longest is not None and days > longest):
            most = f" and at most {longest}" if longest is not None else ""
            raise _refused("expires_at", f"A link lives at least 1 day{most}.")
        try:
            end = now + timedelta(days=days)
        except OverflowError:
            raise _refused("expires_at", "That is beyond the calendar.") from None
        return min(end, membership.valid_until) if membership.valid_until else end
    if longest is not None:
        raise _refused("expires_at", f"Links of your organization live at most {longest} days.")
    return membership.valid_until


def _hashed(password: str) -> str:
    if not password:
        return ""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        sentence = f"The password must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters."
        raise _refused("password_hash", sentence)
    return make_password(password)


def _check(link: ShareLink) -> None:
    """Raise :class:`InvalidLink` for what a link cannot be, each with its sentence."""
    if len(link.embed_origins) > MOST_EMBED_ORIGINS:
        raise _refused("embed_origins", f"At most {MOST_EMBED_ORIGINS} sites can embed a link.")
    try:
        link.embed_origins = origins_of(link.embed_origins)
    except ValueError as error:
        raise _refused("embed_origins", str(error)) from error
    if link.embed_origins and link.password_hash:
        raise _refused("embed_origins", "A link with a password cannot be embedded: nobody could enter it there.")
    if link.max_views is not None and link.max_views < 1:
        raise _refused("max_views", "A link can be opened at least once.")
    if link.capture is not None and link.capture.device_id != link.device_id:
        raise _refused("capture", "The picture is another camera's.")
    if link.kind == LinkKind.RANGE and not (
        link.range_from and link.range_until and link.range_from < link.range_until
    ):
        raise _refused("range_until", "The span of days must end after it begins.")
    validate(link, InvalidLink, besides=["org", "device", "capture", "created_by"])


def _refused(field: str, sentence: str) -> InvalidLink:
    return InvalidLink(sentence, fields={field: sentence})


def _told(link: ShareLink, names: set[str], password: str) -> dict[str, Any]:
    """What the audit says of a link: a password only as being there."""
    told = {name: getattr(link, name) for name in sorted(names - {"password_hash"})}
    if "password_hash" in names or password:
        protected = "yes" if link.password_hash else "no"
        told["protected"] = "by a new password" if password else protected
    return told


def _note(
    action: str,
    link: ShareLink,
    acting_user: User | None,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
) -> None:
    record(
        action,
        org=link.org_id,
        actor=acting_user,
        target=link,
        before=before,
        after=after,
        device=link.device,
        reason=reason,
    )
