"""Who is a member, as what and how far: every change to a membership that exists."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from orgs.audit import record
from orgs.errors import Conflict, Invalid, NotThere
from orgs.models import Membership, Role, User
from orgs.services.invitations import as_camera_ids, described
from orgs.services.powers import (
    MoreThanYourOwn,
    as_it_is_now,
    refuse_larger_role,
    refuse_longer,
    refuse_no_admin,
)
from orgs.services.tokens import revoke_tokens_of
from orgs.services.validation import validate


class InvalidMembership(Invalid):
    code = "invalid_membership"


class MemberGone(NotThere):
    code = "member_gone"


class LastOwner(Conflict):
    code = "last_owner"


@transaction.atomic
def change_membership(
    *,
    membership: Membership,
    acting_membership: Membership,
    role: Role,
    camera_ids: Sequence[uuid.UUID] | None = None,
    history_from: datetime | None = None,
    valid_until: datetime | None = None,
) -> Membership:
    """Give a member this role and these limits, all of them, and return the membership as it is now.

    That the cameras are the organization's is the caller's to see to. An admin changes no owner, nobody gives
    more than they have, and the last owner stays one (:class:`LastOwner`).
    """
    acting, row = _locked_pair(acting_membership, membership)
    _refuse_larger_member(acting, row)
    refuse_larger_role(acting, role)
    if valid_until != row.valid_until or not Role(row.role).covers(role):
        refuse_longer(acting, valid_until)
    before = described(row)
    if row.role == Role.OWNER and role != Role.OWNER:
        _refuse_last_owner(row)
    row.role, row.history_from, row.valid_until = role, history_from, valid_until
    row.camera_ids = as_camera_ids(camera_ids)
    if row.camera_ids == []:
        raise InvalidMembership("Choose at least one camera, or do not limit the cameras.")
    validate(row, InvalidMembership)
    row.save(update_fields=["role", "camera_ids", "history_from", "valid_until"])
    _record_change(row, before, acting.user)
    if not role.covers(Role.ADMIN):
        _revoke_invitations(row, acting.user)
    if role != Role.OWNER:
        _cancel_transfers(row, Q(from_user=row.user), acting.user)
    return row


@transaction.atomic
def remove_member(*, membership: Membership, acting_membership: Membership) -> None:
    """End a membership, the person's tokens of the organization, and the invitations they have open.

    Removing oneself is leaving, which every role may.
    """
    acting, row = _locked_pair(acting_membership, membership)
    if row.pk == acting.pk:
        _end(row, action="membership.left", acting_user=acting.user)
    else:
        _refuse_larger_member(acting, row)
        _end(row, action="membership.removed", acting_user=acting.user)


def leave_organization(*, membership: Membership) -> None:
    """End one's own membership; the last owner cannot (:class:`LastOwner`)."""
    remove_member(membership=membership, acting_membership=membership)


def _locked_pair(acting: Membership, membership: Membership) -> tuple[Membership, Membership]:
    """Return both memberships as they are now, and keep them so until the transaction ends.

    Two owners who demote each other at the same moment would else leave the organization with none.
    """
    own = as_it_is_now(acting)
    row = own.org.memberships.select_related("user").filter(pk=membership.pk).first()
    if row is None:
        raise MemberGone("This person is not a member any more.")
    return own, row


def _refuse_larger_member(acting: Membership, row: Membership) -> None:
    """Refuse who is no admin, and a person whose role is above one's own."""
    refuse_no_admin(acting)
    if not Role(acting.role).covers(Role(row.role)):
        raise MoreThanYourOwn(f"Your role is {acting.role}: only an owner changes an owner.")


def _refuse_last_owner(row: Membership) -> None:
    others = row.org.memberships.filter(role=Role.OWNER).live_at(timezone.now()).exclude(pk=row.pk)
    if not others.exists():
        raise LastOwner(f"{row.user} is the last owner. Hand {row.org} over to somebody first.")


def _record_change(row: Membership, before: dict[str, object], acting_user: User) -> None:
    """Of the role and of the limits an entry each, if they changed."""
    after = described(row)
    old, new = before.pop("role"), after.pop("role")
    for action, was, is_now in [
        ("membership.role_changed", {"role": old}, {"role": new}),
        ("membership.limits_changed", before, after),
    ]:
        if was != is_now:
            record(action, org=row.org, actor=acting_user, target=row.user, before=was, after=is_now)


def _end(row: Membership, *, action: str, acting_user: User) -> None:
    if row.role == Role.OWNER:
        _refuse_last_owner(row)
    revoke_tokens_of(membership=row, acting_user=acting_user)
    _revoke_invitations(row, acting_user)
    _cancel_transfers(row, Q(from_user=row.user) | Q(to_user=row.user), acting_user)
    record(action, org=row.org, actor=acting_user, target=row.user, before=described(row))
    row.delete()


def _revoke_invitations(row: Membership, acting_user: User) -> None:
    """Take back what somebody who may not invite any more has offered: a link they kept must not let them in."""
    now = timezone.now()
    for invitation in row.org.invitations.open_at(now).filter(created_by=row.user):
        row.org.invitations.filter(pk=invitation.pk).update(revoked_at=now)
        record("invitation.revoked", org=row.org, actor=acting_user, target=invitation)


def _cancel_transfers(row: Membership, whose: Q, acting_user: User) -> None:
    for transfer in row.org.ownershiptransfers.pending().filter(whose):
        row.org.ownershiptransfers.filter(pk=transfer.pk).update(cancelled_at=timezone.now())
        record("ownership.cancelled", org=row.org, actor=acting_user, target=transfer)
