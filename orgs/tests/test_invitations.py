"""Invitations: who may offer what, what a link opens, and to whom."""

import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.core import mail
from django.utils import timezone

from orgs import scope
from orgs.access import OrganizationSuspended, RoleTooSmall
from orgs.errors import DomainError
from orgs.models import Invitation, Membership, Organization, Role, User
from orgs.services.invitations import (
    AlreadyMember,
    ForAnotherAddress,
    InvalidInvitation,
    InvitationAccepted,
    InvitationClosed,
    InvitationExpired,
    InvitationReplaced,
    InvitationRevoked,
    InvitationUnknown,
    accept_invitation,
    find_invitation,
    invite,
    link_of,
    resend_invitation,
    revoke_invitation,
)
from orgs.services.memberships import change_membership, remove_member
from orgs.services.powers import EndsInThePast, EndsTooLate, NotAMember
from orgs.services.users import create_user
from tests.builders import make_device, make_member, make_org, make_token, membership_of, owner_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db

ADDRESS = "ada@example.org"  # Ada's


def actions(org) -> list[str]:
    return [entry.action for entry in org.auditentrys.order_by("pk") if entry.action != "organization.founded"]


def refusals(acting, invitation) -> list[type[Exception]]:
    """What comes of each thing that one can do about invitations, when all of them are refused."""
    with pytest.raises(DomainError) as inviting:
        invite(acting_membership=acting, role=Role.VIEWER)
    with pytest.raises(DomainError) as sending_again:
        resend_invitation(invitation=invitation, acting_membership=acting)
    with pytest.raises(DomainError) as taking_back:
        revoke_invitation(invitation=invitation, acting_membership=acting)
    return [inviting.type, sending_again.type, taking_back.type]


def expire(invitation) -> None:
    """As if it had been made eight days ago."""
    made = timezone.now() - timedelta(days=8)
    moments = {"created_at": made, "expires_at": made + timedelta(days=7)}
    Invitation.unscoped.filter(pk=invitation.pk).update(**moments)


def test_only_a_digest_of_the_token_is_kept(owner):
    invitation, token = invite(acting_membership=owner, role=Role.MEMBER)
    assert len(token) >= 43
    kept = str(list(Invitation.unscoped.values())) + str(list(owner.org.auditentrys.values()))
    assert token not in kept
    assert find_invitation(token=token) == invitation


def test_an_invitation_is_open_for_seven_days_unless_said_otherwise(owner):
    invitation, _ = invite(acting_membership=owner, role=Role.VIEWER)
    assert invitation.expires_at - invitation.created_at == timedelta(days=7)
    month, _ = invite(acting_membership=owner, role=Role.VIEWER, open_for=timedelta(days=30))
    assert month.expires_at - month.created_at == timedelta(days=30)


def test_an_invitation_ends_no_later_than_the_membership_it_offers(owner):
    until = timezone.now() + timedelta(hours=1)
    assert invite(acting_membership=owner, role=Role.VIEWER, valid_until=until)[0].expires_at == until


@pytest.mark.parametrize("open_for", [timedelta(0), timedelta(seconds=-1), timedelta(days=31)])
def test_an_invitation_is_open_neither_never_nor_for_ever(owner, open_for):
    with pytest.raises(InvalidInvitation, match="for at most 30 days"):
        invite(acting_membership=owner, role=Role.VIEWER, open_for=open_for)
    assert not Invitation.unscoped.exists()


def test_an_invited_address_gets_the_link(owner, django_capture_on_commit_callbacks):
    Organization.objects.filter(pk=owner.org_id).update(name="Gates & <Sons>")
    with django_capture_on_commit_callbacks(execute=True):
        _, token = invite(acting_membership=owner, role=Role.MEMBER, email=" ADA@example.org ")
    [message] = mail.outbox
    assert (message.to, message.subject) == ([ADDRESS], "Join Gates & <Sons> on Visant")
    assert link_of(token) == f"{settings.VISANT_URL}/join/{token}"
    assert link_of(token) in message.body.splitlines()
    assert f"{owner.user} ({owner.user.email}) invites you to join Gates & <Sons>" in message.body
    assert "account of ada@example.org" in message.body


def test_nothing_is_sent_for_a_link(owner, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        invite(acting_membership=owner, role=Role.MEMBER)
    assert mail.outbox == []


def test_a_mail_server_that_is_down_does_not_undo_the_invitation(
    owner, settings, django_capture_on_commit_callbacks
):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    with django_capture_on_commit_callbacks(execute=True):
        invitation, token = invite(acting_membership=owner, role=Role.MEMBER, email=ADDRESS)
    assert find_invitation(token=token) == invitation


@pytest.mark.parametrize(
    ("fields", "refusal", "sentence"),
    [
        ({"email": "nobody"}, InvalidInvitation, "Enter a valid email address."),
        ({"role": "owner"}, InvalidInvitation, "Nobody is invited as an owner."),
        ({"role": "king"}, InvalidInvitation, "must be admin, member or viewer"),
        ({"camera_ids": []}, InvalidInvitation, "Choose at least one camera"),
        ({"role": Role.ADMIN, "history_from": timezone.now()}, InvalidInvitation, "Admins see everything"),
        (
            {
                "history_from": timezone.now() + timedelta(days=9),
                "valid_until": timezone.now() + timedelta(days=8),
            },
            InvalidInvitation,
            "would end before the first picture",
        ),
        ({"valid_until": timezone.now() - timedelta(days=1)}, EndsInThePast, "still to come"),
    ],
)
def test_an_offer_that_cannot_be_is_refused(owner, fields, refusal, sentence):
    with pytest.raises(refusal, match=sentence):
        invite(acting_membership=owner, **{"role": Role.MEMBER, **fields})
    assert (Invitation.unscoped.count(), actions(owner.org)) == (0, [])


def test_an_admin_is_not_invited_to_some_cameras_only(owner):
    device, _ = make_device(owner.org)
    with pytest.raises(InvalidInvitation, match="only members and viewers are limited"):
        invite(acting_membership=owner, role=Role.ADMIN, camera_ids=[device.pk])


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
def test_only_admins_invite(org, owner, role):
    small = membership_of(org, make_member(org, role))
    invitation, _ = invite(acting_membership=owner, role=Role.VIEWER)
    assert set(refusals(small, invitation)) == {RoleTooSmall}
    assert [row.state for row in org.invitations.all()] == ["open"]


@pytest.mark.parametrize(
    ("end", "refusal"), [("removed", NotAMember), ("over", NotAMember), ("demoted", RoleTooSmall)]
)
def test_what_counts_is_who_one_is_now(org, owner, end, refusal):
    """Their request was under way when they lost what they had."""
    admin = membership_of(org, make_member(org, Role.ADMIN))
    stale = org.memberships.select_related("org", "user").get(pk=admin.pk)
    invitation, _ = invite(acting_membership=owner, role=Role.VIEWER)
    if end == "removed":
        remove_member(membership=admin, acting_membership=owner)
    elif end == "over":
        org.memberships.filter(pk=admin.pk).update(valid_until=timezone.now())
    else:
        change_membership(membership=admin, acting_membership=owner, role=Role.MEMBER)
    assert set(refusals(stale, invitation)) == {refusal}
    assert [row.state for row in org.invitations.all()] == ["open"]


def test_another_organizations_invitation_is_not_there(owner):
    other = make_org()
    invitation, _ = invite(acting_membership=membership_of(other, owner_of(other)), role=Role.VIEWER)
    for change in (resend_invitation, revoke_invitation):
        with pytest.raises(InvitationUnknown):
            change(invitation=invitation, acting_membership=owner)
    assert [row.state for row in other.invitations.all()] == ["open"]


def test_an_admin_invites_admins(org):
    admin = membership_of(org, make_member(org, Role.ADMIN))
    assert invite(acting_membership=admin, role=Role.ADMIN)[0].role == Role.ADMIN


def test_nobody_lets_in_another_for_longer_than_they_stay(org):
    admin = membership_of(org, make_member(org, Role.ADMIN))
    admin.valid_until = timezone.now() + timedelta(days=2)
    admin.save()
    for until in (None, admin.valid_until + timedelta(seconds=1)):
        with pytest.raises(EndsTooLate, match="Your own membership ends on"):
            invite(acting_membership=admin, role=Role.VIEWER, valid_until=until)
    assert invite(acting_membership=admin, role=Role.VIEWER, valid_until=admin.valid_until)[0].pk


def test_a_member_is_not_invited_again(owner, ada):
    Membership.unscoped.create(org=owner.org, user=ada, role=Role.VIEWER)
    with pytest.raises(AlreadyMember, match="is a member already"):
        invite(acting_membership=owner, role=Role.MEMBER, email=ADDRESS)


def test_inviting_an_address_again_replaces_the_earlier_invitation(owner, ada):
    first, old = invite(acting_membership=owner, role=Role.MEMBER, email=ADDRESS)
    other, _ = invite(acting_membership=owner, role=Role.MEMBER, email="bob@example.org")
    _, new = invite(acting_membership=owner, role=Role.VIEWER, email=ADDRESS)
    first.refresh_from_db()
    other.refresh_from_db()
    assert (first.state, other.state) == ("replaced", "open")
    with pytest.raises(InvitationReplaced):
        accept_invitation(token=old, user=ada)
    assert accept_invitation(token=new, user=ada).role == Role.VIEWER


def test_who_accepts_becomes_what_the_invitation_says(owner, ada):
    device, _ = make_device(owner.org)
    limits = {
        "camera_ids": [device.pk],
        "history_from": timezone.now() - timedelta(days=3),
        "valid_until": timezone.now() + timedelta(days=90),
    }
    invitation, token = invite(acting_membership=owner, role=Role.VIEWER, email=ADDRESS, **limits)
    with scope.nothing():  # somebody who is not identified as anybody's member
        accept_invitation(token=token, user=ada)
    membership = membership_of(owner.org, ada)
    assert membership.role == Role.VIEWER
    assert {"camera_ids": membership.cameras} | {
        name: getattr(membership, name) for name in ("history_from", "valid_until")
    } == limits
    invitation.refresh_from_db()
    assert (invitation.state, invitation.accepted_by) == ("accepted", ada)
    entry = owner.org.auditentrys.get(action="invitation.accepted")
    assert (entry.actor_id, entry.target_id, entry.after["role"]) == (ada.pk, str(invitation.pk), "viewer")


def test_a_link_opens_once(owner, ada):
    _, token = invite(acting_membership=owner, role=Role.MEMBER)
    accept_invitation(token=token, user=ada)
    with pytest.raises(InvitationAccepted, match="each opens once"):
        accept_invitation(token=token, user=create_user(email="eve@example.org"))
    assert owner.org.memberships.count() == 2


def test_an_invitation_of_an_address_is_for_its_account_alone(owner, ada):
    _, token = invite(acting_membership=owner, role=Role.MEMBER, email=ADDRESS)
    with pytest.raises(ForAnotherAddress, match="you are logged in as eve"):
        accept_invitation(token=token, user=create_user(email="eve@example.org"))
    assert owner.org.memberships.count() == 1
    assert accept_invitation(token=token, user=ada).user == ada


def test_a_member_does_not_use_up_an_invitation(owner):
    invitation, token = invite(acting_membership=owner, role=Role.VIEWER)
    with pytest.raises(AlreadyMember, match="You are a member of"):
        accept_invitation(token=token, user=owner.user)
    invitation.refresh_from_db()
    assert (invitation.state, membership_of(owner.org, owner.user).role) == ("open", Role.OWNER)


def test_a_membership_that_ended_is_renewed(owner, ada):
    over = timezone.now() - timedelta(days=1)
    device, _ = make_device(owner.org)
    ended = Membership.unscoped.create(
        org=owner.org, user=ada, role=Role.VIEWER, camera_ids=[str(device.pk)], valid_until=over
    )
    _, token = invite(acting_membership=owner, role=Role.ADMIN, email=ADDRESS)
    assert accept_invitation(token=token, user=ada) == ended
    ended.refresh_from_db()
    assert (ended.role, ended.camera_ids, ended.valid_until) == (Role.ADMIN, None, None)
    entry = owner.org.auditentrys.get(action="invitation.accepted")
    assert (entry.before["role"], entry.after["role"]) == ("viewer", "admin")


def test_a_suspended_organization_lets_nobody_join(owner, ada):
    invitation, token = invite(acting_membership=owner, role=Role.MEMBER)
    Organization.objects.filter(pk=owner.org_id).update(suspended_at=timezone.now())
    with pytest.raises(OrganizationSuspended):
        accept_invitation(token=token, user=ada)
    invitation.refresh_from_db()
    assert (invitation.state, owner.org.memberships.count()) == ("open", 1)


@pytest.mark.parametrize("token", ["", "nonsense", "x" * 43, "\0", "ä"])
def test_a_token_that_is_none_is_unknown(owner, ada, token):
    invite(acting_membership=owner, role=Role.MEMBER)
    with pytest.raises(InvitationUnknown):
        accept_invitation(token=token, user=ada)


def test_a_revoked_invitation_is_dead_and_stays_so(owner, ada):
    invitation, token = invite(acting_membership=owner, role=Role.MEMBER)
    for _ in range(2):
        revoke_invitation(invitation=invitation, acting_membership=owner)
    with pytest.raises(InvitationRevoked, match="taken back"):
        accept_invitation(token=token, user=ada)
    with pytest.raises(InvitationRevoked):
        resend_invitation(invitation=invitation, acting_membership=owner)
    assert actions(owner.org) == ["invitation.created", "invitation.revoked"]


def test_an_accepted_invitation_is_not_revoked(owner, ada):
    invitation, token = invite(acting_membership=owner, role=Role.MEMBER)
    accept_invitation(token=token, user=ada)
    with pytest.raises(InvitationAccepted):
        revoke_invitation(invitation=invitation, acting_membership=owner)
    with pytest.raises(InvitationAccepted):
        resend_invitation(invitation=invitation, acting_membership=owner)


def test_sending_again_makes_a_new_link_and_ends_the_old_one(owner, ada, django_capture_on_commit_callbacks):
    device, _ = make_device(owner.org)
    invitation, old = invite(
        acting_membership=owner,
        role=Role.VIEWER,
        email=ADDRESS,
        camera_ids=[device.pk],
        open_for=timedelta(days=1),
    )
    with django_capture_on_commit_callbacks(execute=True):
        again, new = resend_invitation(invitation=invitation, acting_membership=owner)
    assert (again.role, again.cameras, again.email) == (Role.VIEWER, [device.pk], ADDRESS)
    assert again.expires_at - again.created_at == timedelta(days=1)
    assert [re.findall(r"/join/(\S+)", message.body) for message in mail.outbox] == [[new]]
    with pytest.raises(InvitationReplaced, match="only the newest link opens"):
        accept_invitation(token=old, user=ada)
    with pytest.raises(InvitationReplaced):
        resend_invitation(invitation=invitation, acting_membership=owner)
    assert accept_invitation(token=new, user=ada).cameras == [device.pk]
    assert actions(owner.org)[-2:] == ["invitation.resent", "invitation.accepted"]


def test_an_expired_invitation_opens_again_once_it_was_sent_again(owner, ada):
    invitation, old = invite(acting_membership=owner, role=Role.MEMBER)
    expire(invitation)
    with pytest.raises(InvitationExpired, match="has expired"):
        accept_invitation(token=old, user=ada)
    _, new = resend_invitation(invitation=invitation, acting_membership=owner)
    assert accept_invitation(token=new, user=ada).org == owner.org


def test_nobody_sends_again_what_is_above_them(org, owner):
    invitation, _ = invite(acting_membership=owner, role=Role.ADMIN)
    admin = membership_of(org, make_member(org, Role.ADMIN))
    admin.valid_until = timezone.now() + timedelta(days=1)
    admin.save()
    with pytest.raises(EndsTooLate):
        resend_invitation(invitation=invitation, acting_membership=admin)
    invitation.refresh_from_db()
    assert invitation.state == "open"


@pytest.mark.django_db(transaction=True)
def test_two_people_do_not_both_get_in_by_one_link():
    org = make_org()
    _, token = invite(acting_membership=membership_of(org, owner_of(org)), role=Role.MEMBER)
    people = [create_user(email=f"person{number}@example.org") for number in range(2)]
    answers = at_once(lambda number: accept_invitation(token=token, user=people[number]))
    assert [type(answer) for answer in answers if isinstance(answer, Exception)] == [InvitationAccepted]
    assert org.memberships.count() == 2


@pytest.mark.django_db(transaction=True)
def test_one_person_does_not_get_in_twice_by_two_links():
    org = make_org()
    owner, ada = membership_of(org, owner_of(org)), create_user(email=ADDRESS)
    tokens = [invite(acting_membership=owner, role=Role.MEMBER)[1] for _ in range(2)]
    answers = at_once(lambda number: accept_invitation(token=tokens[number], user=ada))
    assert [type(answer) for answer in answers if isinstance(answer, Exception)] == [AlreadyMember]
    assert org.invitations.filter(accepted_at=None).count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_invitation_is_not_both_taken_back_and_accepted():
    org = make_org()
    owner, ada = membership_of(org, owner_of(org)), create_user(email=ADDRESS)
    for _ in range(5):
        invitation, token = invite(acting_membership=owner, role=Role.MEMBER)

        def answer(number: int, invitation: Invitation = invitation, token: str = token) -> object:
            if number == 0:
                return revoke_invitation(invitation=invitation, acting_membership=owner)
            return accept_invitation(token=token, user=ada)

        answers = at_once(answer)
        refused = [type(answer) for answer in answers if isinstance(answer, Exception)]
        invitation.refresh_from_db()
        is_in = org.memberships.filter(user=ada).delete()[0] == 1
        assert (invitation.accepted_at is not None, invitation.revoked_at is not None) == (is_in, not is_in)
        assert refused == [InvitationAccepted if is_in else InvitationRevoked]


def test_every_way_to_be_closed_has_a_code_of_its_own():
    codes = {kind.code for kind in InvitationClosed.__subclasses__()}
    assert codes == {f"invitation_{word}" for word in ("accepted", "revoked", "replaced", "expired")}


@pytest.mark.parametrize(
    "change",
    [
        {"valid_until": timezone.now() + timedelta(hours=1)},
        {"valid_until": timezone.now() - timedelta(hours=1)},
        {"role": Role.VIEWER},
    ],
)
def test_an_offer_ends_with_the_power_to_make_it(org, ada, change):
    admin = membership_of(org, make_member(org, Role.ADMIN))
    _, token = invite(acting_membership=admin, role=Role.ADMIN)
    org.memberships.filter(pk=admin.pk).update(**change)
    with pytest.raises(InvitationRevoked):
        accept_invitation(token=token, user=ada)
    assert not org.memberships.filter(user=ada).exists()


def test_an_offer_of_a_closed_account_opens_nothing(org, ada):
    user = make_member(org, Role.ADMIN)
    _, token = invite(acting_membership=membership_of(org, user), role=Role.VIEWER)
    User.objects.filter(pk=user.pk).update(is_active=False)
    with pytest.raises(InvitationRevoked):
        accept_invitation(token=token, user=ada)


def test_a_renewed_membership_does_not_bring_old_tokens_back(org, owner):
    member = membership_of(org, make_member(org))
    token, _ = make_token(member)
    org.memberships.filter(pk=member.pk).update(valid_until=timezone.now() - timedelta(hours=1))
    _, text = invite(acting_membership=owner, role=Role.VIEWER)
    accept_invitation(token=text, user=member.user)
    token.refresh_from_db()
    assert token.state == "revoked"
