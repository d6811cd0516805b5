"""Links whose makers may share no more are taken back by a job; whoever shared in vain is told on Mondays."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.utils import timezone

from orgs.models import AuditEntry, Membership, Organization, Role
from sharing.models import SharingPolicy
from sharing.services.ending import revoke_powerless
from sharing.services.reminders import remind_of_unopened
from tests.builders import make_capture, make_link, make_member

pytestmark = pytest.mark.django_db
NOW = timezone.now()
# A Monday, half past seven in Zurich.
MONDAY = datetime(2026, 6, 8, 5, 30, tzinfo=UTC)


@pytest.fixture
def capture():
    capture = make_capture()
    Organization.objects.filter(pk=capture.org_id).update(time_zone="Europe/Zurich")
    return capture


def test_links_of_who_may_share_no_more_are_taken_back_with_the_reason(capture):
    leaving, staying = make_member(capture.org), make_member(capture.org)
    ended, kept = (make_link(capture, created_by=maker) for maker in (leaving, staying))
    imported, other = make_link(capture), make_link(make_capture())
    Membership.unscoped.filter(user=leaving).update(role=Role.VIEWER)
    assert revoke_powerless(at=NOW) == 1
    assert revoke_powerless(at=NOW) == 0
    for link in (ended, kept, imported, other):
        link.refresh_from_db()
    assert [link.revoked_at is None for link in (ended, kept, imported, other)] == [False, True, True, True]
    entry = AuditEntry.unscoped.get(action="share.revoked")
    assert (entry.actor_kind, entry.target_id) == ("system", str(ended.pk))
    assert entry.reason == "Who made it may not share it any more."


def test_while_sharing_is_switched_off_nothing_is_taken_back(capture):
    maker = make_member(capture.org, Role.VIEWER)
    make_link(capture, created_by=maker)
    policy = SharingPolicy.unscoped.create(org=capture.org, enabled=False)
    assert revoke_powerless(at=NOW) == 0
    SharingPolicy.unscoped.filter(pk=policy.pk).update(enabled=True)
    assert revoke_powerless(at=NOW) == 1


def told(at, django_capture_on_commit_callbacks):
    mail.outbox.clear()
    with django_capture_on_commit_callbacks(execute=True):
        remind_of_unopened(at=at)
    return mail.outbox


@pytest.fixture
def unopened(capture):
    """Of two makers, beside links that nobody needs to be told of."""
    makers = [make_member(capture.org) for _ in range(2)]
    created = {"created_at": MONDAY - timedelta(days=3)}
    links = [make_link(capture, created_by=maker, note=f"For {maker.email}", **created) for maker in makers]
    make_link(capture, created_by=makers[0], note="Opened", view_count=1, **created)
    make_link(capture, created_by=makers[0], note="Revoked", revoked_at=MONDAY, **created)
    make_link(capture, created_by=makers[0], note="Expired", expires_at=MONDAY, **created)
    make_link(capture, created_by=makers[0], note="Just made", created_at=MONDAY)
    make_link(capture, note="Nobody's", **created)
    return links


def test_each_maker_is_told_on_monday_morning_of_their_own(unopened, django_capture_on_commit_callbacks):
    mails = told(MONDAY, django_capture_on_commit_callbacks)
    assert {letter.to[0] for letter in mails} == {link.created_by.email for link in unopened}
    first = next(letter for letter in mails if letter.to == [unopened[0].created_by.email])
    assert first.subject == f"{unopened[0].org}: a link of yours nobody has opened"
    assert unopened[0].note in first.body
    assert f"/sharing/{unopened[0].pk}" in first.body
    assert unopened[0].token not in first.body
    for note in (unopened[1].note, "Opened", "Revoked", "Expired", "Just made", "Nobody's"):
        assert note not in first.body


def test_they_are_told_once_a_week_by_their_own_clock(unopened, django_capture_on_commit_callbacks):
    hours = [0, 1, 20, 24, 24 * 7]
    counts = [len(told(MONDAY + timedelta(hours=hour), django_capture_on_commit_callbacks)) for hour in hours]
    assert counts == [2, 0, 0, 0, 2]
    SharingPolicy.unscoped.update(reminded_on=None)
    assert told(MONDAY - timedelta(hours=1), django_capture_on_commit_callbacks) == []


def test_a_mail_server_that_is_away_stops_nothing(unopened, settings, django_capture_on_commit_callbacks):
    settings.EMAIL_BACKEND, settings.EMAIL_PORT = "django.core.mail.backends.smtp.EmailBackend", 1
    assert told(MONDAY, django_capture_on_commit_callbacks) == []
    assert SharingPolicy.unscoped.get().reminded_on == MONDAY.date()
