"""The plan with its cameras, and the warnings that owners get."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend

from devices import plans
from devices.plans import plan_of, warn_of_limits
from devices.tasks import warn_near_limits
from orgs.models import LimitWarning, MonthlyUsage, Organization, Role, User
from tests.builders import make_device, make_member, make_org, owner_of
from tests.queries import statements_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 15, 12, 0, tzinfo=UTC)
KEPT = "Pictures are still taken in and kept, but not judged."
MARCH, APRIL = date(2026, 3, 1), date(2026, 4, 1)


@pytest.fixture
def warn(django_capture_on_commit_callbacks):
    """Run the job, its mails included, and return the subjects of what was sent to whom."""

    def run(now: datetime = NOW) -> list[tuple[str, list[str]]]:
        mail.outbox.clear()
        with django_capture_on_commit_callbacks(execute=True):
            warn_of_limits(now=now)
        return [(message.subject, message.to) for message in mail.outbox]

    return run


def judged(org: Organization, count: int, month: date = MARCH) -> None:
    MonthlyUsage.unscoped.update_or_create(org=org, month=month, defaults={"evaluations": count})


def told(org: Organization) -> list[tuple[str, date, int]]:
    return list(org.limitwarnings.order_by("pk").values_list("limit", "period", "percent"))


def test_a_plan_counts_the_cameras_of_its_own_organization():
    org, other = make_org(device_limit=5), make_org()
    for owner in (org, org, other):
        make_device(owner)
    plan = plan_of(org)
    assert (plan.cameras.used, plan.cameras.most, plan.cameras.percent) == (2, 5, 40)
    assert (plan.bytes.used, plan.evaluations.used, plan.trial, plan.why_not_judged) == (0, 0, None, "")
    assert plan_of(make_org()).cameras.used == 0
    assert len(statements_of(lambda: plan_of(org))) == 2


def test_each_level_is_told_once_a_month(warn):
    org = make_org(evaluation_limit=1000)
    owner = owner_of(org).email
    judged(org, 699)
    assert warn() == []
    for count, sentence in (
        (700, "700 of 1,000 evaluations of this month are used (70 %)."),
        (950, "950 of 1,000 evaluations of this month are used (95 %)."),
        (1000, f"All evaluations of this month are used: 1,000 of 1,000. {KEPT}"),
    ):
        judged(org, count)
        assert warn() == [(f"{org}: {sentence}", [owner])]
        assert warn() == []
    assert told(org) == [("evaluations", MARCH, 70), ("evaluations", MARCH, 90), ("evaluations", MARCH, 100)]
    judged(org, 800, APRIL)
    assert len(warn(NOW + timedelta(days=20))) == 1
    assert told(org)[-1] == ("evaluations", APRIL, 70)


def test_of_several_levels_passed_at_once_the_highest_is_told_and_no_lower_one_later(warn):
    org = make_org(evaluation_limit=100)
    judged(org, 95)
    assert len(warn()) == 1
    judged(org, 75)
    assert warn() == []
    assert told(org) == [("evaluations", MARCH, 90)]


def test_every_kind_of_limit_is_warned_of(warn):
    org = make_org(device_limit=1, byte_limit=100, evaluation_limit=100, trial_ends_at=NOW + timedelta(days=5))
    make_device(org)
    MonthlyUsage.unscoped.create(org=org, month=MARCH, bytes=90, evaluations=70)
    assert [subject.partition(": ")[2] for subject, _ in warn()] == [
        "All camera slots are used: 1 of 1.",
        "90 bytes of 100 bytes of pictures are stored (90 %).",
        "70 of 100 evaluations of this month are used (70 %).",
        "The trial ends in 5 days, on 20 March 2026.",
    ]
    assert told(org) == [
        ("cameras", MARCH, 100),
        ("bytes", MARCH, 90),
        ("evaluations", MARCH, 70),
        ("trial", date(2026, 3, 20), 70),
    ]


def test_a_trial_is_warned_of_by_days_and_anew_when_its_end_moves(warn):
    org = make_org(trial_ends_at=NOW + timedelta(days=7, minutes=1))
    days = [0, 1, 6, 6.9, 7, 7.5, 60]
    assert [len(warn(NOW + timedelta(days=days))) for days in days] == [0, 1, 0, 1, 0, 1, 0]
    Organization.objects.filter(pk=org.pk).update(trial_ends_at=NOW + timedelta(days=62))
    assert len(warn(NOW + timedelta(days=60))) == 1


def test_owners_are_told_and_nobody_else(warn):
    org, other = make_org(evaluation_limit=0), make_org()
    second, gone = make_member(org, Role.OWNER), make_member(org, Role.OWNER)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    for role in (Role.ADMIN, Role.MEMBER, Role.VIEWER):
        make_member(org, role)
    recipients = [to for _, to in warn()]
    assert sorted(recipients) == sorted([[owner_of_first(org)], [second.email]])
    assert told(other) == []
    text = mail.outbox[0].body
    assert str(org) in text
    assert "http://testserver/organization/plan" in text


def owner_of_first(org: Organization) -> str:
    return org.memberships.filter(role=Role.OWNER).oldest_first()[0].user.email


def test_a_name_of_several_lines_does_not_break_the_mail(warn):
    org = make_org(evaluation_limit=0)
    Organization.objects.filter(pk=org.pk).update(name="Two\r\nBcc: lines & <more>")
    [(subject, _)] = warn()
    assert subject.startswith("Two Bcc: lines & <more>: All evaluations")
    assert "lines & <more>" in mail.outbox[0].body


def test_a_suspended_organization_is_not_told(warn):
    make_org(evaluation_limit=0, suspended_at=NOW)
    assert warn() == []


class Down(EmailBackend):
    def send_messages(self, messages):
        raise OSError("the mail server is down")


def test_while_mail_cannot_be_sent_the_warning_is_tried_again(warn, settings, caplog):
    org = make_org(evaluation_limit=0)
    works = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = f"{__name__}.Down"
    assert (warn(), told(org)) == ([], [])
    assert f"The owners of {org.slug} could not be told" in caplog.text
    settings.EMAIL_BACKEND = works
    assert len(warn()) == 1


@pytest.mark.django_db(transaction=True)
def test_two_schedulers_at_once_tell_once():
    orgs = [make_org(evaluation_limit=0) for _ in range(3)]
    counts = at_once(lambda _: warn_of_limits(now=NOW))
    assert (sum(counts), LimitWarning.unscoped.count()) == (3, 3)
    assert sorted(message.to[0] for message in mail.outbox) == sorted(owner_of(org).email for org in orgs)


def test_organizations_are_looked_through_in_batches(warn, monkeypatch):
    monkeypatch.setattr(plans, "BATCH", 2)
    orgs = [make_org(evaluation_limit=0) for _ in range(5)]
    assert sorted(to for _, to in warn()) == sorted([owner_of(org).email] for org in orgs)


def test_a_round_costs_the_same_however_many_are_far_from_their_limits():
    def count() -> int:
        return len(statements_of(lambda: warn_of_limits(now=NOW)))

    make_org(evaluation_limit=100)
    one = count()
    for _ in range(5):
        make_org(evaluation_limit=100)
        make_org()
    assert count() == one


def test_a_round_costs_the_same_however_many_were_told_already(warn):
    def count() -> int:
        return len(statements_of(lambda: warn_of_limits(now=NOW)))

    make_org(evaluation_limit=0)
    warn()
    one = count()
    for _ in range(5):
        make_org(evaluation_limit=0, device_limit=0)
    assert len(warn()) == 10
    assert count() == one


def test_what_one_organization_was_told_is_still_news_for_another(warn):
    make_org(evaluation_limit=0)
    assert len(warn()) == 1
    second = make_org(evaluation_limit=0)
    assert [to for _, to in warn()] == [[owner_of(second).email]]


def test_the_scheduler_calls_it(settings, caplog):
    make_org(evaluation_limit=0)
    assert settings.SCHEDULE["devices.tasks.warn_near_limits"] == 600
    with caplog.at_level("INFO"):
        warn_near_limits()
    assert "Limits that owners were told of: 1." in caplog.text
    caplog.clear()
    with caplog.at_level("INFO"):
        warn_near_limits()
    assert caplog.text == ""
