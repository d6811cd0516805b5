"""Handing an organization over."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from orgs.access import RoleTooSmall
from orgs.models import Membership, OwnershipTransfer, Role, User
from orgs.services.ownership import (
    AlreadyOwner,
    NotTheReceiver,
    TransferClosed,
    TransferPending,
    accept_ownership,
    cancel_ownership,
    offer_ownership,
)
from tests.builders import make_member, make_org, membership_of, owner_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def heir(org) -> Membership:
    return membership_of(org, make_member(org, Role.VIEWER))


def roles(org) -> dict[User, str]:
    return {row.user: row.role for row in org.memberships.select_related("user")}


def test_the_receiver_becomes_owner_without_limits_and_the_giver_an_admin(org, owner, heir):
    limits = {"camera_ids": ["01890000-0000-7000-8000-000000000000"], "history_from": timezone.now()}
    Membership.unscoped.filter(pk=heir.pk).update(valid_until=timezone.now() + timedelta(days=1), **limits)
    transfer = offer_ownership(membership=heir, acting_membership=owner)
    assert roles(org) == {owner.user: Role.OWNER, heir.user: Role.VIEWER}
    accept_ownership(transfer=transfer, acting_user=heir.user)
    assert roles(org) == {owner.user: Role.ADMIN, heir.user: Role.OWNER}
    heir.refresh_from_db()
    assert (heir.camera_ids, heir.history_from, heir.valid_until) == (None, None, None)
    entries = org.auditentrys.filter(action__startswith="ownership.").order_by("pk")
    assert [(entry.action, entry.actor_id) for entry in entries] == [
        ("ownership.offered", owner.user_id),
        ("ownership.accepted", heir.user_id),
    ]
    assert entries[1].before == {"owner": owner.user.email, "role": "viewer"}


def test_the_receiver_is_told(org, owner, heir, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        offer_ownership(membership=heir, acting_membership=owner)
    [message] = mail.outbox
    assert message.to == [heir.user.email]
    assert message.subject == f"{owner.user} offers you the ownership of {org}"
    assert "http://testserver/organization" in message.body.splitlines()


def test_only_an_owner_offers(org, owner, heir):
    admin = membership_of(org, make_member(org, Role.ADMIN))
    with pytest.raises(RoleTooSmall):
        offer_ownership(membership=heir, acting_membership=admin)
    assert not OwnershipTransfer.unscoped.exists()


def test_an_owner_is_offered_nothing(owner):
    with pytest.raises(AlreadyOwner):
        offer_ownership(membership=owner, acting_membership=owner)


def test_who_is_no_member_is_offered_nothing(owner, heir):
    Membership.unscoped.filter(pk=heir.pk).update(valid_until=timezone.now())
    with pytest.raises(TransferClosed):
        offer_ownership(membership=heir, acting_membership=owner)


def test_one_offer_at_a_time(org, owner, heir):
    transfer = offer_ownership(membership=heir, acting_membership=owner)
    with pytest.raises(TransferPending, match="Take it back first"):
        offer_ownership(membership=heir, acting_membership=owner)
    cancel_ownership(transfer=transfer, acting_user=owner.user)
    assert offer_ownership(membership=heir, acting_membership=owner).pk


@pytest.mark.django_db(transaction=True)
def test_two_offers_at_once_are_one():
    org = make_org()
    owner, heir = membership_of(org, owner_of(org)), membership_of(org, make_member(org))
    answers = at_once(lambda _: offer_ownership(membership=heir, acting_membership=owner))
    assert [type(answer) for answer in answers if isinstance(answer, Exception)] == [TransferPending]
    assert org.ownershiptransfers.count() == 1


def test_only_the_receiver_accepts(org, owner, heir):
    transfer = offer_ownership(membership=heir, acting_membership=owner)
    for user in (owner.user, make_member(org, Role.ADMIN)):
        with pytest.raises(NotTheReceiver):
            accept_ownership(transfer=transfer, acting_user=user)
    assert roles(org)[owner.user] == Role.OWNER


@pytest.mark.parametrize("who", ["giver", "receiver"])
def test_it_is_taken_back_or_declined(org, owner, heir, who):
    transfer = offer_ownership(membership=heir, acting_membership=owner)
    cancel_ownership(transfer=transfer, acting_user={"giver": owner.user, "receiver": heir.user}[who])
    with pytest.raises(TransferClosed):
        accept_ownership(transfer=transfer, acting_user=heir.user)
    with pytest.raises(TransferClosed):
        cancel_ownership(transfer=transfer, acting_user=owner.user)
    assert roles(org) == {owner.user: Role.OWNER, heir.user: Role.VIEWER}
    assert org.auditentrys.filter(action="ownership.cancelled").count() == 1


def test_others_do_not_take_it_back(org, owner, heir):
    transfer = offer_ownership(membership=heir, acting_membership=owner)
    for user in (make_member(org, Role.ADMIN), owner_of(make_org())):
        with pytest.raises(RoleTooSmall):
            cancel_ownership(transfer=transfer, acting_user=user)
    transfer.refresh_from_db()
    assert transfer.cancelled_at is None


def test_what_somebody_gives_they_must_still_have(org, owner, heir):
    transfer = offer_ownership(membership=heir, acting_membership=owner)
    Membership.unscoped.filter(pk=owner.pk).update(role=Role.ADMIN)
    with pytest.raises(TransferClosed, match="not an owner any more"):
        accept_ownership(transfer=transfer, acting_user=heir.user)
    assert roles(org)[heir.user] == Role.VIEWER


def test_accepting_twice_changes_nothing_more(org, owner, heir):
    transfer = offer_ownership(membership=heir, acting_membership=owner)
    accept_ownership(transfer=transfer, acting_user=heir.user)
    with pytest.raises(TransferClosed):
        accept_ownership(transfer=transfer, acting_user=heir.user)
    assert roles(org) == {owner.user: Role.ADMIN, heir.user: Role.OWNER}
