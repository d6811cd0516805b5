"""Changing, removing and leaving: who may, and what ends with it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orgs.access import RoleTooSmall, get_membership
from orgs.models import ApiToken, Membership, Role, User
from orgs.services.invitations import invite
from orgs.services.memberships import (
    InvalidMembership,
    LastOwner,
    MemberGone,
    change_membership,
    leave_organization,
    remove_member,
)
from orgs.services.ownership import offer_ownership
from orgs.services.powers import EndsInThePast, EndsTooLate, MoreThanYourOwn, NotAMember
from tests.builders import make_device, make_member, make_org, membership_of, owner_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db


def member(org, role: Role = Role.MEMBER) -> Membership:
    return membership_of(org, make_member(org, role))


def now_of(membership) -> tuple:
    row = Membership.unscoped.get(pk=membership.pk)
    return (row.role, row.cameras, row.history_from, row.valid_until)


def give_token(membership, prefix: str = "p") -> ApiToken:
    return ApiToken.unscoped.create(
        org=membership.org, user=membership.user, name="script", prefix=prefix, digest="x", pepper_id=1
    )


def actions(org) -> list[str]:
    return [entry.action for entry in org.auditentrys.order_by("pk")][1:]


def test_role_and_limits_are_changed_together_and_noted_apart(org, owner):
    row, (device, _) = member(org), make_device(org)
    since, until = timezone.now() - timedelta(days=1), timezone.now() + timedelta(days=1)
    limits = {"camera_ids": [device.pk], "history_from": since, "valid_until": until}
    change_membership(membership=row, acting_membership=owner, role=Role.VIEWER, **limits)
    assert now_of(row) == (Role.VIEWER, [device.pk], since, until)
    role, changed = org.auditentrys.filter(action__startswith="membership.").order_by("pk")
    assert (role.action, role.before, role.after) == (
        "membership.role_changed",
        {"role": "member"},
        {"role": "viewer"},
    )
    assert (changed.action, changed.before) == ("membership.limits_changed", {})
    assert changed.after == {
        "camera_ids": [str(device.pk)],
        "history_from": since.isoformat(),
        "valid_until": until.isoformat(),
    }
    assert {entry.target_id for entry in (role, changed)} == {str(row.user_id)}


def test_what_stays_as_it_is_is_not_noted(org, owner):
    row = member(org)
    change_membership(membership=row, acting_membership=owner, role=Role.MEMBER)
    assert actions(org) == []


def test_limits_that_are_not_given_are_taken_away(org, owner):
    row, (device, _) = member(org), make_device(org)
    change_membership(membership=row, acting_membership=owner, role=Role.MEMBER, camera_ids=[device.pk])
    change_membership(membership=row, acting_membership=owner, role=Role.ADMIN)
    assert now_of(row) == (Role.ADMIN, None, None, None)


@pytest.mark.parametrize(
    ("fields", "refusal", "sentence"),
    [
        ({"camera_ids": []}, InvalidMembership, "Choose at least one camera"),
        ({"role": Role.ADMIN, "history_from": timezone.now()}, InvalidMembership, "see everything"),
        (
            {"role": Role.OWNER, "valid_until": timezone.now() + timedelta(days=1)},
            InvalidMembership,
            "does not end by itself",
        ),
        ({"valid_until": timezone.now() - timedelta(days=1)}, EndsInThePast, "still to come"),
    ],
)
def test_access_that_cannot_be_is_refused(org, owner, fields, refusal, sentence):
    row = member(org)
    with pytest.raises(refusal, match=sentence):
        change_membership(membership=row, acting_membership=owner, **{"role": Role.MEMBER, **fields})
    assert (now_of(row), actions(org)) == ((Role.MEMBER, None, None, None), [])


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
def test_only_admins_change_or_remove_others(org, owner, role):
    acting, row = member(org, role), member(org, Role.VIEWER)
    for other in (row, owner):
        with pytest.raises(RoleTooSmall):
            change_membership(membership=other, acting_membership=acting, role=Role.VIEWER)
        with pytest.raises(RoleTooSmall):
            remove_member(membership=other, acting_membership=acting)
    with pytest.raises(RoleTooSmall):
        change_membership(membership=acting, acting_membership=acting, role=Role.ADMIN)
    assert (now_of(row)[0], now_of(owner)[0]) == (Role.VIEWER, Role.OWNER)


def test_an_admin_touches_no_owner(org, owner):
    admin, second = member(org, Role.ADMIN), member(org, Role.OWNER)
    for row in (owner, second):
        with pytest.raises(MoreThanYourOwn, match="only an owner changes an owner"):
            change_membership(membership=row, acting_membership=admin, role=Role.VIEWER)
        with pytest.raises(MoreThanYourOwn):
            remove_member(membership=row, acting_membership=admin)
    assert org.memberships.filter(role=Role.OWNER).count() == 2


def test_nobody_is_raised_above_who_raises(org, owner):
    admin, row = member(org, Role.ADMIN), member(org)
    for target in (admin, row):
        with pytest.raises(MoreThanYourOwn, match="does not reach to the role owner"):
            change_membership(membership=target, acting_membership=admin, role=Role.OWNER)
    change_membership(membership=row, acting_membership=admin, role=Role.ADMIN)
    change_membership(membership=row, acting_membership=owner, role=Role.OWNER)
    assert now_of(row)[0] == Role.OWNER


def test_an_admin_for_a_time_makes_nobody_a_member_for_longer(org):
    admin, row = member(org, Role.ADMIN), member(org)
    until = timezone.now() + timedelta(days=2)
    Membership.unscoped.filter(pk=admin.pk).update(valid_until=until)
    Membership.unscoped.filter(pk=row.pk).update(valid_until=until)
    for target in (admin, row):
        for longer in (None, until + timedelta(seconds=1)):
            with pytest.raises(EndsTooLate):
                change_membership(
                    membership=target, acting_membership=admin, role=Role(target.role), valid_until=longer
                )
    # What lasts longer already may still be changed in other ways.
    lasting = member(org)
    change_membership(membership=lasting, acting_membership=admin, role=Role.VIEWER)
    assert now_of(lasting)[0] == Role.VIEWER


def test_what_counts_is_who_one_is_now(org, owner):
    admin, row = member(org, Role.ADMIN), member(org)
    stale = Membership.unscoped.select_related("org", "user").get(pk=admin.pk)
    change_membership(membership=admin, acting_membership=owner, role=Role.MEMBER)
    with pytest.raises(RoleTooSmall):
        remove_member(membership=row, acting_membership=stale)
    Membership.unscoped.filter(pk=admin.pk).update(role=Role.ADMIN, valid_until=timezone.now())
    with pytest.raises(NotAMember):
        remove_member(membership=row, acting_membership=stale)
    remove_member(membership=row, acting_membership=owner)
    with pytest.raises(MemberGone):
        change_membership(membership=row, acting_membership=owner, role=Role.VIEWER)


def test_another_organizations_member_is_not_there(org, owner):
    stranger = member(make_org())
    with pytest.raises(MemberGone):
        remove_member(membership=stranger, acting_membership=owner)
    assert now_of(stranger)[0] == Role.MEMBER


def test_removing_ends_the_persons_tokens_of_this_organization_alone(org, owner):
    row, elsewhere = member(org), make_org()
    token = give_token(row, "here")
    others = [
        give_token(owner, "owners"),
        give_token(Membership.unscoped.create(org=elsewhere, user=row.user, role=Role.VIEWER), "elsewhere"),
    ]
    remove_member(membership=row, acting_membership=owner)
    token.refresh_from_db()
    assert token.state == "revoked"
    assert [ApiToken.unscoped.get(pk=other.pk).state for other in others] == ["active", "active"]
    assert get_membership(row.user, org.pk) is None
    assert get_membership(row.user, elsewhere.pk)
    assert actions(org) == ["token.revoked", "membership.removed"]
    removed = org.auditentrys.get(action="membership.removed")
    assert (removed.actor_id, removed.target_id) == (owner.user_id, str(row.user_id))
    assert (removed.before, removed.after) == ({"role": "member"}, None)


def test_links_that_a_removed_admin_kept_let_nobody_in(org, owner):
    admin = member(org, Role.ADMIN)
    theirs, _ = invite(acting_membership=admin, role=Role.ADMIN)
    ours, _ = invite(acting_membership=owner, role=Role.VIEWER)
    remove_member(membership=admin, acting_membership=owner)
    theirs.refresh_from_db()
    ours.refresh_from_db()
    assert (theirs.state, ours.state) == ("revoked", "open")
    assert actions(org)[-2:] == ["invitation.revoked", "membership.removed"]


def test_who_may_not_invite_any_more_has_invited_nobody(org, owner):
    admin = member(org, Role.ADMIN)
    theirs, _ = invite(acting_membership=admin, role=Role.ADMIN)
    change_membership(membership=admin, acting_membership=owner, role=Role.MEMBER)
    theirs.refresh_from_db()
    assert theirs.state == "revoked"


def test_an_offer_of_ownership_ends_with_giver_or_receiver(org, owner):
    second, row = member(org, Role.OWNER), member(org)
    first = offer_ownership(membership=row, acting_membership=second)
    change_membership(membership=second, acting_membership=owner, role=Role.ADMIN)
    again = offer_ownership(membership=row, acting_membership=owner)
    remove_member(membership=row, acting_membership=owner)
    for transfer in (first, again):
        transfer.refresh_from_db()
        assert transfer.cancelled_at is not None
    assert actions(org).count("ownership.cancelled") == 2


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MEMBER, Role.VIEWER])
def test_a_member_leaves(org, role):
    row = member(org, role)
    token = give_token(row)
    leave_organization(membership=row)
    token.refresh_from_db()
    assert (get_membership(row.user, org.pk), token.state) == (None, "revoked")
    assert actions(org)[-1] == "membership.left"
    assert User.objects.filter(pk=row.user_id).exists()


def test_the_last_owner_stays(org, owner):
    member(org, Role.ADMIN)
    with pytest.raises(LastOwner, match="is the last owner"):
        leave_organization(membership=owner)
    with pytest.raises(LastOwner):
        change_membership(membership=owner, acting_membership=owner, role=Role.ADMIN)
    assert (now_of(owner)[0], actions(org)) == (Role.OWNER, [])


def test_an_owner_whose_account_is_not_active_is_none_that_stays(org, owner):
    second = member(org, Role.OWNER)
    User.objects.filter(pk=second.user_id).update(is_active=False)
    with pytest.raises(LastOwner):
        leave_organization(membership=owner)


def test_one_of_two_owners_leaves(org, owner):
    second = member(org, Role.OWNER)
    leave_organization(membership=owner)
    with pytest.raises(LastOwner):
        leave_organization(membership=second)
    assert list(org.memberships.values_list("user", "role")) == [(second.user_id, Role.OWNER)]


@pytest.mark.django_db(transaction=True)
def test_two_owners_do_not_both_leave():
    org = make_org()
    owners = [membership_of(org, owner_of(org)), member(org, Role.OWNER)]
    answers = at_once(lambda number: leave_organization(membership=owners[number]))
    assert [type(answer) for answer in answers if answer] == [LastOwner]
    assert org.memberships.filter(role=Role.OWNER).count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_owners_do_not_demote_each_other():
    org = make_org()
    owners = [membership_of(org, owner_of(org)), member(org, Role.OWNER)]

    def demote(number: int):
        change_membership(membership=owners[1 - number], acting_membership=owners[number], role=Role.MEMBER)

    answers = at_once(demote)
    assert [type(answer) for answer in answers if answer] == [RoleTooSmall]
    assert org.memberships.filter(role=Role.OWNER).count() == 1


def test_an_admin_whose_time_is_limited_makes_nobody_an_admin_for_ever(org):
    ending = membership_of(org, make_member(org, Role.ADMIN))
    org.memberships.filter(pk=ending.pk).update(valid_until=timezone.now() + timedelta(hours=1))
    viewer = membership_of(org, make_member(org, Role.VIEWER))
    with pytest.raises(EndsTooLate):
        change_membership(membership=viewer, acting_membership=ending, role=Role.ADMIN)
    viewer.refresh_from_db()
    assert viewer.role == Role.VIEWER
