"""Handing an organization over: an owner offers it to a member, who accepts."""

from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from orgs.absolute import absolute_url
from orgs.access import RoleTooSmall
from orgs.audit import record
from orgs.errors import Conflict, NotAllowed
from orgs.models import Membership, Organization, OwnershipTransfer, Role, User


class TransferPending(Conflict):
    code = "transfer_pending"


class TransferClosed(Conflict):
    code = "transfer_closed"


class NotTheReceiver(NotAllowed):
    code = "not_the_receiver"


class AlreadyOwner(Conflict):
    code = "already_owner"


@transaction.atomic
def offer_ownership(*, membership: Membership, acting_membership: Membership) -> OwnershipTransfer:
    """Offer the organization to one of its members; an owner may, one offer at a time. They are told by e-mail."""
    org = Organization.objects.select_for_update(no_key=True).get(pk=acting_membership.org_id)
    giver = _live(org, acting_membership.user)
    if giver is None or giver.role != Role.OWNER:
        raise RoleTooSmall("Only an owner can hand the organization over.")
    receiver = _live(org, membership.user)
    if receiver is None:
        raise TransferClosed("This person is not a member any more.")
    if receiver.role == Role.OWNER:
        raise AlreadyOwner(f"{receiver.user} is an owner already.")
    if org.ownershiptransfers.pending().exists():
        raise TransferPending("Another offer is waiting for an answer. Take it back first.")
    transfer: OwnershipTransfer = org.ownershiptransfers.create(from_user=giver.user, to_user=receiver.user)
    after = {"from": giver.user.email, "to": receiver.user.email}
    record("ownership.offered", org=org, actor=giver.user, target=transfer, after=after)
    transaction.on_commit(lambda: _tell(transfer), robust=True)  # the receiver sees the offer without it, too
    return transfer


@transaction.atomic
def accept_ownership(*, transfer: OwnershipTransfer, acting_user: User) -> None:
    """Make the receiver an owner, without limits, and the giver an admin."""
    org = Organization.objects.select_for_update(no_key=True).get(pk=transfer.org_id)
    if transfer.to_user_id != acting_user.pk:
        raise NotTheReceiver("Only the person it was offered to can accept.")
    _close(org, transfer, "accepted_at")
    giver, receiver = _live(org, transfer.from_user), _live(org, acting_user)
    if giver is None or giver.role != Role.OWNER or receiver is None:
        raise TransferClosed("Who offered it is not an owner any more.")
    org.memberships.filter(pk=receiver.pk).update(
        role=Role.OWNER, camera_ids=None, history_from=None, valid_until=None
    )
    org.memberships.filter(pk=giver.pk).update(role=Role.ADMIN)
    before = {"owner": giver.user.email, "role": receiver.role}
    after = {"owner": acting_user.email, "giver_becomes": str(Role.ADMIN)}
    record("ownership.accepted", org=org, actor=acting_user, target=transfer, before=before, after=after)


@transaction.atomic
def cancel_ownership(*, transfer: OwnershipTransfer, acting_user: User) -> None:
    """End an offer: an owner takes it back, or the receiver declines."""
    org = Organization.objects.select_for_update(no_key=True).get(pk=transfer.org_id)
    acting = _live(org, acting_user)
    if acting is None or (acting.role != Role.OWNER and acting_user.pk != transfer.to_user_id):
        raise RoleTooSmall("Only an owner, or the person it was offered to, can end the offer.")
    _close(org, transfer, "cancelled_at")
    record("ownership.cancelled", org=org, actor=acting_user, target=transfer)


def _live(org: Organization, user: User) -> Membership | None:
    members = org.memberships.live_at(timezone.now()).select_related("user")
    found: Membership | None = members.filter(user=user).first()
    return found


def _close(org: Organization, transfer: OwnershipTransfer, moment: str) -> None:
    if not org.ownershiptransfers.pending().filter(pk=transfer.pk).update(**{moment: timezone.now()}):
        raise TransferClosed("This offer was answered or taken back already.")


def _tell(transfer: OwnershipTransfer) -> None:
    link = absolute_url("organization")
    subject = " ".join(f"{transfer.from_user} offers you the ownership of {transfer.org}".split())
    body = render_to_string("orgs/mail/ownership.txt", {"transfer": transfer, "link": link})
    send_mail(subject, body, from_email=None, recipient_list=[transfer.to_user.email])
