"""Invitations: an offer of a membership, shown by a link that opens once."""

import hashlib
import secrets
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from orgs import scope
from orgs.absolute import absolute_url
from orgs.access import refuse_smaller
from orgs.audit import record
from orgs.errors import Conflict, Invalid, NotAllowed, NotThere
from orgs.models import AccessLimits, Invitation, Membership, Organization, Role, User
from orgs.ratelimits import count_invitation_mail
from orgs.services.powers import NotAMember, as_it_is_now, refuse_larger_role, refuse_longer, refuse_no_admin
from orgs.services.tokens import revoke_tokens_of
from orgs.services.validation import validate

OPEN_FOR = timedelta(days=7)
OPEN_FOR_AT_MOST = timedelta(days=30)
# 256 bits: nobody guesses one, so the digest needs neither salt nor pepper.
TOKEN_BYTES = 32


class InvalidInvitation(Invalid):
    code = "invalid_invitation"


class InvitationUnknown(NotThere):
    code = "invitation_unknown"


class InvitationClosed(Conflict):
    """It cannot be accepted any more."""

    code = "invitation_closed"


class InvitationAccepted(InvitationClosed):
    code = "invitation_accepted"


class InvitationRevoked(InvitationClosed):
    code = "invitation_revoked"


class InvitationReplaced(InvitationClosed):
    code = "invitation_replaced"


class InvitationExpired(InvitationClosed):
    code = "invitation_expired"


class ForAnotherAddress(NotAllowed):
    code = "invitation_for_another_address"


class AlreadyMember(Conflict):
    code = "already_member"


CLOSED: dict[str, tuple[type[InvitationClosed], str]] = {
    "accepted": (InvitationAccepted, "This invitation was accepted already; each opens once."),
    "revoked": (InvitationRevoked, "This invitation was taken back."),
    "replaced": (InvitationReplaced, "This invitation was sent again since; only the newest link opens."),
    "expired": (InvitationExpired, "This invitation has expired."),
}


@transaction.atomic
def invite(
    *,
    acting_membership: Membership,
    role: Role,
    email: str = "",
    camera_ids: Sequence[uuid.UUID] | None = None,
    history_from: datetime | None = None,
    valid_until: datetime | None = None,
    open_for: timedelta = OPEN_FOR,
) -> tuple[Invitation, str]:
    """Offer a membership and return the offer with its token, which is shown this once.

    With an ``email`` only that address's account can accept, and the link is sent there; an earlier open
    invitation of the address is replaced. Without one, whoever has the link can accept, once. That the cameras
    are the organization's is the caller's to see to.
    """
    acting = as_it_is_now(acting_membership)
    org = acting.org
    invitation = Invitation(
        org=org,
        email=email.strip().lower(),
        role=role,
        camera_ids=as_camera_ids(camera_ids),
        history_from=history_from,
        valid_until=valid_until,
        created_by=acting.user,
    )
    _refuse_member(invitation)
    if invitation.email:
        earlier = org.invitations.open_at(timezone.now()).filter(email=invitation.email)
        earlier.update(replaced_at=timezone.now())
    token = _issue(invitation, acting, open_for)
    record(
        "invitation.created",
        org=org,
        actor=acting.user,
        target=invitation,
        after=described(invitation) | {"expires_at": invitation.expires_at},
    )
    return invitation, token


@transaction.atomic
def resend_invitation(*, invitation: Invitation, acting_membership: Membership) -> tuple[Invitation, str]:
    """Offer the same again with a new token, open as long as before; the old token ends.

    An expired one can be offered again; any other that is not open raises :class:`InvitationClosed`.
    """
    acting = as_it_is_now(acting_membership)
    org, current = acting.org, _present(acting.org, invitation)
    if current.state != "expired":
        refuse_closed(current)
    _refuse_member(current)
    org.invitations.filter(pk=current.pk).update(replaced_at=timezone.now())
    again = Invitation(
        org=org,
        email=current.email,
        role=current.role,
        camera_ids=current.camera_ids,
        history_from=current.history_from,
        valid_until=current.valid_until,
        created_by=acting.user,
    )
    token = _issue(again, acting, current.expires_at - current.created_at)
    record(
        "invitation.resent",
        org=org,
        actor=acting.user,
        target=again,
        before={"invitation": current.pk},
        after=described(again) | {"expires_at": again.expires_at},
    )
    return again, token


@transaction.atomic
def revoke_invitation(*, invitation: Invitation, acting_membership: Membership) -> None:
    """End an offer. Doing it again changes nothing; an accepted one raises :class:`InvitationAccepted`."""
    acting = as_it_is_now(acting_membership)
    refuse_no_admin(acting)
    current = _present(acting.org, invitation)
    if current.accepted_at is not None:
        raise _closed("accepted")
    if acting.org.invitations.unanswered().filter(pk=current.pk).update(revoked_at=timezone.now()):
        record("invitation.revoked", org=acting.org, actor=acting.user, target=current)


def find_invitation(*, token: str) -> Invitation:
    """Return the invitation of that token, whatever its state, or raise :class:`InvitationUnknown`."""
    with scope.across_organizations("finds whose invitation it is"):
        found = Invitation.unscoped.select_related("org", "created_by").filter(digest=digest_of(token)).first()
    if found is None:
        raise InvitationUnknown("There is no invitation of this link. Was it copied whole?")
    return found


def refuse_closed(invitation: Invitation) -> None:
    """Raise the :class:`InvitationClosed` that says why nobody can accept the invitation any more."""
    if invitation.state != "open":
        raise _closed(invitation.state)


def refuse_unacceptable(invitation: Invitation, user: User | None) -> None:
    """Raise what would keep ``user`` (None: somebody yet to log in) from accepting the invitation.

    :class:`InvitationClosed`, :class:`ForAnotherAddress` or :class:`AlreadyMember`.
    """
    refuse_closed(invitation)
    _refuse_powerless(invitation)
    if user is None:
        return
    if invitation.email and invitation.email != user.email:
        raise ForAnotherAddress(f"This invitation is for {invitation.email}; you are logged in as {user.email}.")
    with scope.within(invitation.org_id):
        if invitation.org.memberships.filter(user=user).live_at(timezone.now()).exists():
            raise AlreadyMember(f"You are a member of {invitation.org} already.")


def accept_invitation(*, token: str, user: User) -> Membership:
    """Make ``user`` a member as the invitation says, and use it up. A membership that had ended is renewed.

    Raises :class:`InvitationUnknown`, or what :func:`refuse_unacceptable` raises.
    """
    invitation = find_invitation(token=token)
    with scope.within(invitation.org_id), transaction.atomic():
        # Lock the organization, so that neither one link nor one person is let in twice.
        org = Organization.objects.select_for_update(no_key=True).get(pk=invitation.org_id)
        invitation = org.invitations.get(pk=invitation.pk)
        refuse_unacceptable(invitation, user)
        now = timezone.now()
        still_open = org.invitations.open_at(now).filter(pk=invitation.pk)
        if not still_open.update(accepted_at=now, accepted_by=user):
            raise _closed("expired")  # in this moment: all else that closes it waits for the lock
        membership = org.memberships.filter(user=user).first() or Membership(org=org, user=user)
        before = None if membership._state.adding else described(membership)
        if before:
            revoke_tokens_of(membership=membership, acting_user=user)  # of before it ended
        membership.role = invitation.role
        membership.camera_ids = invitation.camera_ids
        membership.history_from = invitation.history_from
        membership.valid_until = invitation.valid_until
        refuse_smaller(membership, Role.VIEWER)  # nobody joins while the organization is suspended
        membership.save()
        after = described(membership) | {"by": user.email}
        record("invitation.accepted", org=org, actor=user, target=invitation, before=before, after=after)
    return membership


def link_of(token: str) -> str:
    """Return the address that opens the invitation."""
    return absolute_url("join", token)


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def as_camera_ids(cameras: Sequence[uuid.UUID] | None) -> list[str] | None:
    """Return cameras as a row keeps them."""
    return None if cameras is None else sorted({str(camera) for camera in cameras})


def described(row: Invitation | Membership) -> dict[str, object]:
    """What the audit keeps of a membership, or of the offer of one."""
    limits = {field.name: getattr(row, field.name) for field in AccessLimits._meta.fields}
    return {"role": str(row.role), **{name: value for name, value in limits.items() if value is not None}}


def _closed(state: str) -> InvitationClosed:
    kind, sentence = CLOSED[state]
    return kind(sentence)


def _issue(invitation: Invitation, acting: Membership, open_for: timedelta) -> str:
    """Check and keep a new invitation, have it sent, and return its token."""
    refuse_larger_role(acting, _role(invitation))
    refuse_longer(acting, invitation.valid_until)
    if not timedelta(0) < open_for <= OPEN_FOR_AT_MOST:
        raise InvalidInvitation(f"An invitation stays open for at most {OPEN_FOR_AT_MOST.days} days.")
    if invitation.camera_ids == []:
        raise InvalidInvitation("Choose at least one camera, or do not limit the cameras.")
    token = secrets.token_urlsafe(TOKEN_BYTES)
    invitation.digest = digest_of(token)
    ends = [invitation.created_at + open_for, invitation.valid_until]
    invitation.expires_at = min(moment for moment in ends if moment is not None)
    validate(invitation, InvalidInvitation, besides=["accepted_by"])
    count_invitation_mail(invitation.org_id, invitation.email)
    invitation.save(force_insert=True)
    if invitation.email:
        # A mail server that is down must not undo the invitation: its link can be copied.
        transaction.on_commit(lambda: _send(invitation, token), robust=True)
    return token


def _refuse_powerless(invitation: Invitation) -> None:
    """Refuse the offer of somebody who could not make it any more: nobody gives more than they have by now."""
    with scope.within(invitation.org_id):
        members = invitation.org.memberships.live_at(timezone.now())
        inviter = members.select_related("user").filter(user=invitation.created_by_id).first()
        try:
            if inviter is None:
                raise NotAMember("Who invited is not a member any more.")
            refuse_larger_role(inviter, Role(invitation.role))
            refuse_longer(inviter, invitation.valid_until)
        except (NotAllowed, Invalid) as refusal:
            raise _closed("revoked") from refusal


def _role(invitation: Invitation) -> Role:
    if invitation.role == Role.OWNER:
        raise InvalidInvitation("Nobody is invited as an owner. Invite them as an admin, then transfer ownership.")
    try:
        return Role(invitation.role)
    except ValueError as error:
        raise InvalidInvitation("The role must be admin, member or viewer.") from error


def _refuse_member(invitation: Invitation) -> None:
    members = invitation.org.memberships.live_at(timezone.now())
    if invitation.email and members.filter(user__email=invitation.email).exists():
        raise AlreadyMember(f"{invitation.email} is a member already.")


def _send(invitation: Invitation, token: str) -> None:
    context = {"invitation": invitation, "inviter": invitation.created_by, "link": link_of(token)}
    subject = " ".join(f"Join {invitation.org} on Visant".split())
    body = render_to_string("orgs/mail/invitation.txt", context)
    send_mail(subject, body, from_email=None, recipient_list=[invitation.email])


def _present(org: Organization, invitation: Invitation) -> Invitation:
    """Return the invitation as it is now."""
    current: Invitation | None = org.invitations.filter(pk=invitation.pk).first()
    if current is None:
        raise InvitationUnknown("There is no such invitation.")
    return current
