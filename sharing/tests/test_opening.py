"""What a token opens: every reason for which it does not, and what it shows."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orgs.models import Membership, Role
from sharing.models import LinkKind, SharingPolicy
from sharing.opening import LinkClosed, LinkNotThere, open_link, states_of
from tests.builders import MOMENT, make_capture, make_device, make_link, make_member, make_org
from tests.queries import statements_of

pytestmark = pytest.mark.django_db
NOW = timezone.now()
HOUR = timedelta(hours=1)


def state(link):
    """The state of a link as lists have it, which is also what whoever opens it gets to know."""
    [found] = states_of([link], at=NOW).values()
    if found in ("open", "used_up"):
        assert open_link(link.token, at=NOW).is_used_up == (found == "used_up")
    else:
        with pytest.raises(LinkClosed) as closed:
            open_link(link.token, at=NOW)
        assert closed.value.state == found
    return found


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "open"),
        ({"expires_at": NOW + HOUR, "max_views": 2, "view_count": 1}, "open"),
        ({"expires_at": NOW}, "expired"),
        ({"expires_at": NOW - HOUR, "max_views": 1}, "expired"),
        ({"max_views": 2, "view_count": 2}, "used_up"),
        ({"suspended_at": NOW - HOUR, "expires_at": NOW - HOUR}, "suspended"),
        ({"revoked_at": NOW - HOUR, "suspended_at": NOW - HOUR}, "revoked"),
    ],
)
def test_a_link_is_open_until_its_end_its_last_view_its_suspension_or_its_revocation(fields, expected):
    link = make_link(make_capture(), **fields)
    assert (state(link), link.org.share_links.open_at(NOW).exists()) == (expected, expected == "open")


def test_a_token_that_was_never_given_out_opens_nothing():
    with pytest.raises(LinkNotThere):
        open_link("nobody-was-given-this", at=NOW)


def test_no_link_opens_while_its_organization_is_suspended_or_switched_it_off():
    link = make_link(make_capture())
    policy = SharingPolicy.unscoped.create(org=link.org, enabled=False)
    assert state(link) == "switched_off"
    policy.delete()
    assert state(link) == "open"
    link.org.suspended_at = NOW
    link.org.save()
    assert state(link) == "suspended"


ENDINGS = {
    "removed": lambda membership: membership.delete(),
    "over": lambda membership: change(membership, valid_until=NOW),
    "a viewer": lambda membership: change(membership, role=Role.VIEWER),
    "limited to no camera": lambda membership: change(membership, camera_ids=[]),
    "not active": lambda membership: change(membership.user, is_active=False),
    "deleted": lambda membership: membership.user.delete(),
    "sharing for admins": lambda membership: SharingPolicy.unscoped.create(
        org=membership.org, smallest_role=Role.ADMIN
    ),
}


def change(row, **fields):
    type(row)._base_manager.filter(pk=row.pk).update(**fields)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_link_ends_with_its_makers_right_to_share(ending):
    capture = make_capture()
    maker = make_member(capture.org)
    link = make_link(capture, created_by=maker)
    assert state(link) == "open"
    ENDINGS[ending](Membership.unscoped.get(user=maker))
    link.refresh_from_db()
    assert state(link) == "maker_gone"


def test_a_link_does_not_end_later_than_the_membership_it_was_made_by():
    capture = make_capture()
    maker = make_member(capture.org)
    link = make_link(capture, created_by=maker, expires_at=NOW + 3 * HOUR)
    assert open_link(link.token, at=NOW).ends_at == NOW + 3 * HOUR
    change(Membership.unscoped.get(user=maker), valid_until=NOW + HOUR)
    assert open_link(link.token, at=NOW).ends_at == NOW + HOUR


@pytest.fixture
def pictures():
    """A judged one each hour from MOMENT on, of one camera; one unjudged, and one of another camera."""
    device, _ = make_device()
    found = [make_capture(device, minutes=60 * hour, verdict="normal") for hour in range(4)]
    make_capture(device, minutes=30)
    make_capture(make_device(device.org)[0], verdict="normal")
    return found


def hours(link, at=NOW):
    captures = open_link(link.token, at=at).captures.newest_first()
    return [(capture.captured_at - MOMENT) / HOUR for capture in captures]


def test_each_kind_shows_its_own_pictures_and_only_judged_ones(pictures):
    assert hours(make_link(pictures[1])) == [1]
    assert hours(make_link(pictures[1], LinkKind.DEVICE)) == [3, 2, 1, 0]
    assert hours(make_link(pictures[1], LinkKind.RANGE)) == [1]


def test_a_delay_hides_the_newest_and_a_makers_history_the_oldest(pictures):
    link = make_link(pictures[0], LinkKind.DEVICE, delay_hours=2)
    assert hours(link, at=MOMENT + 4 * HOUR) == [2, 1, 0]
    maker = make_member(link.org)
    change(Membership.unscoped.get(user=maker), history_from=MOMENT + HOUR)
    link = make_link(pictures[0], LinkKind.DEVICE, created_by=maker)
    assert hours(link) == [3, 2, 1]


def test_a_list_of_links_takes_as_many_queries_as_one():
    org = make_org()
    capture = make_capture(make_device(org)[0])
    links = [make_link(capture, created_by=make_member(org)) for _ in range(5)]
    loaded = list(org.share_links.select_related("device", "org"))
    for rows in (loaded[:1], loaded):
        assert len(statements_of(lambda rows=rows: states_of(rows, at=NOW))) == 2
    assert len(links) == 5


@pytest.mark.parametrize(
    ("contact", "told"),
    [
        ("porter@example.org", '<a href="mailto:porter@example.org">porter@example.org</a>'),
        ("the porter, porter@example.org", "the porter, porter@example.org"),
        ("+49 30 1234", "+49 30 1234"),
        ("", "Whoever gave it to you can give you a new one."),
    ],
)
def test_a_closed_link_and_one_that_opens_say_alike_whom_to_ask(client, contact, told):
    capture = make_capture(verdict="normal")
    SharingPolicy.unscoped.create(org=capture.org, contact=contact)
    opened, closed = make_link(capture), make_link(capture, revoked_at=NOW)
    pages = [client.get(f"/s/{link.token}").text for link in (closed, opened)]
    assert told in " ".join(pages[0].split())
    assert (told in " ".join(pages[1].split())) == bool(contact)
    assert all(("mailto:" in page) == told.startswith("<a") for page in pages)
