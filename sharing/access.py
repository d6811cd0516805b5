"""Who may share what, and which links a member may see."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from devices.models import Device
from orgs.access import refuse_smaller
from orgs.errors import NotAllowed
from orgs.models import Membership, Organization, Role, User
from sharing.models import ShareLink, ShareLinkQuerySet, SharingPolicy


class CameraOutOfReach(NotAllowed):
    code = "camera_out_of_reach"


def policy_of(org: Organization) -> SharingPolicy:
    """What the organization allows; one that said nothing has a row of defaults, which is not saved."""
    return policies_of([org])[org.pk]


def policies_of(orgs: Collection[Organization]) -> dict[UUID, SharingPolicy]:
    """The same of several organizations by their ids, by one query."""
    said = {policy.org_id: policy for policy in SharingPolicy.unscoped.filter(org__in=orgs)}
    return {org.pk: said.get(org.pk) or SharingPolicy(org=org) for org in orgs}


def may_share(membership: Membership, device: Device, policy: SharingPolicy, *, at: datetime) -> bool:
    """Whether the membership is live at that moment and lets its person share pictures of the camera.

    ``membership.user`` is asked for whether they are active.
    """
    is_over = membership.valid_until is not None and membership.valid_until <= at
    if is_over or not membership.user.is_active:
        return False
    reaches = membership.cameras is None or device.pk in membership.cameras
    return reaches and Role(membership.role).covers(Role(policy.smallest_role))


def refuse_sharing(membership: Membership, device: Device, policy: SharingPolicy) -> None:
    """Raise :class:`~orgs.access.RoleTooSmall` or :class:`CameraOutOfReach` for who may not share the camera."""
    refuse_smaller(membership, Role(policy.smallest_role))
    if membership.cameras is not None and device.pk not in membership.cameras:
        raise CameraOutOfReach("You do not see this camera, so you cannot share it.")


def links_of(membership: Membership) -> ShareLinkQuerySet:
    """The links a member may see, change and take back: an admin all, another member those they made of cameras
    that they see now.

    A link may show more than another member sees of the camera, so nobody reads the links of others.
    """
    links: ShareLinkQuerySet = membership.org.share_links.all()
    if Role(membership.role).covers(Role.ADMIN):
        return links
    links = links.filter(created_by=membership.user_id)
    return links if membership.cameras is None else links.filter(device__in=membership.cameras)


def links_among(
    membership: Membership, *, device: Device | None = None, maker: User | None = None
) -> ShareLinkQuerySet:
    """Those of :func:`links_of` that are of a camera, or made by a person; None is any."""
    links = links_of(membership)
    if device is not None:
        links = links.filter(device=device)
    return links if maker is None else links.filter(created_by=maker)


def link_of(membership: Membership, token: str) -> ShareLink | None:
    """The link of that token, if the member may see it."""
    links = links_of(membership).select_related("device__org", "capture", "created_by")
    return links.with_token(token).first()
