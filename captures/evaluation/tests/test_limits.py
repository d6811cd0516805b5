"""Over a limit pictures are taken in and kept, and not judged; what was judged is counted once."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone
from PIL import Image

from captures.evaluation import services
from captures.evaluation.models import Evaluation
from captures.evaluation.services import (
    LEASE,
    StillOverLimit,
    claim_next,
    evaluate_claimed,
    evaluate_next,
    evaluators,
    retry_failed,
    retry_over_limit,
)
from captures.models import Capture, EvaluationStatus
from captures.services import store_capture
from orgs.limits import month_of
from orgs.models import Organization
from tests.builders import MOMENT, make_capture, make_device, make_org
from tests.queries import statements_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db
HERE = "captures.evaluation.tests.evaluators"
TWO_A_MONTH = "Not judged: the plan covers 2 evaluations a month."


@pytest.fixture(autouse=True)
def ask(settings):
    def say(*names: str) -> None:
        settings.VISANT_EVALUATORS = [f"{HERE}.{name}" for name in names]
        evaluators.cache_clear()

    say("SaysNormal")
    yield say
    evaluators.cache_clear()


def make_captures(org: Organization, count: int) -> list[Capture]:
    device, _ = make_device(org)
    return [make_capture(device, minutes=minute) for minute in range(count)]


def judge_all() -> None:
    while evaluate_next():
        pass


def counted(org: Organization) -> int:
    return sum(org.monthlyusages.values_list("evaluations", flat=True))


def states(captures: list[Capture]) -> list[tuple[str, str]]:
    rows = Capture.unscoped.in_bulk([capture.pk for capture in captures])
    return [(rows[capture.pk].evaluation_status, rows[capture.pk].reason) for capture in captures]


def raise_limit(org: Organization, **limits: object) -> None:
    Organization.objects.filter(pk=org.pk).update(**limits)
    org.refresh_from_db()


def skip(capture: Capture) -> None:
    fields = {"evaluation_status": EvaluationStatus.SKIPPED, "evaluation_due_at": None, "reason": TWO_A_MONTH}
    Capture.unscoped.filter(pk=capture.pk).update(**fields)


# --- not judged, but kept


def test_as_many_are_judged_as_the_plan_covers_and_the_rest_is_kept():
    org = make_org(evaluation_limit=2)
    captures = make_captures(org, 4)
    judge_all()
    assert states(captures) == [
        *[("completed", "As usual.")] * 2,
        *[("skipped", TWO_A_MONTH)] * 2,
    ]
    assert counted(org) == 2
    kept = Capture.unscoped.get(pk=captures[3].pk)
    assert (kept.verdict, kept.score, kept.usable, kept.evaluation_due_at) == (None, None, None, None)
    assert default_storage.exists(kept.storage_key)
    assert default_storage.open(kept.thumbnail_key).read(2) == b"\xff\xd8"
    assert not kept.evaluations.exists()


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"byte_limit": 0}, "Not judged: the plan covers 0 bytes of pictures."),
        (
            {"trial_ends_at": datetime(2026, 3, 1, tzinfo=UTC)},
            "Not judged: the trial ended on 1 March 2026.",
        ),
        ({"suspended_at": datetime(2026, 3, 1, tzinfo=UTC)}, "Not judged: the organization is suspended."),
    ],
)
def test_whatever_the_limit_is_the_reason_says_it(limits, reason):
    captures = make_captures(make_org(**limits), 1)
    judge_all()
    assert states(captures) == [("skipped", reason)]
    assert not Evaluation.unscoped.exists()


def test_a_limit_of_one_organization_is_none_of_anothers():
    full, free = make_org(evaluation_limit=0), make_org()
    captures = [*make_captures(full, 1), *make_captures(free, 1)]
    judge_all()
    assert [status for status, _ in states(captures)] == ["skipped", "completed"]
    assert (counted(full), counted(free)) == (0, 1)


def test_a_picture_that_cannot_be_read_has_failed_limit_or_not():
    [capture] = make_captures(make_org(evaluation_limit=0), 1)
    default_storage.delete(capture.storage_key)
    evaluate_next()
    assert states([capture]) == [("pending", "Could not be judged: No such file or directory")]


def test_pictures_that_were_not_judged_teach_nothing():
    org = make_org(evaluation_limit=0)
    [capture] = make_captures(org, 1)
    judge_all()
    raise_limit(org, evaluation_limit=None)
    later = make_capture(capture.device, minutes=5)
    assert services.context_of(later, None).reference_count == 0


def test_a_slow_worker_that_meets_the_limit_late_records_nothing():
    org = make_org()
    [capture] = make_captures(org, 1)
    slow = claim_next(now=timezone.now())
    quick = claim_next(now=timezone.now() + LEASE)
    evaluate_claimed(capture=quick)
    raise_limit(org, evaluation_limit=0)
    slow.org.refresh_from_db()
    evaluate_claimed(capture=slow)
    assert states([capture]) == [("completed", "As usual.")]


# --- counting


def test_a_picture_counts_once_however_many_were_asked(ask):
    ask("SaysNormal", "SaysAbnormal", "SaysUncertain")
    org = make_org()
    make_captures(org, 3)
    judge_all()
    assert list(org.monthlyusages.values_list("month", "evaluations")) == [(month_of(timezone.now()), 3)]


def test_an_attempt_that_was_taken_over_does_not_count():
    org = make_org()
    make_captures(org, 1)
    slow = claim_next(now=timezone.now())
    quick = claim_next(now=timezone.now() + LEASE)
    evaluate_claimed(capture=slow)
    assert counted(org) == 0
    evaluate_claimed(capture=quick)
    evaluate_claimed(capture=slow)
    assert counted(org) == 1


@pytest.mark.parametrize("names", [["Fails"], ["SaysNormal", "Breaks"], []])
def test_what_was_not_judged_does_not_count(ask, names):
    ask(*names)
    org = make_org()
    make_captures(org, 1)
    judge_all()
    assert counted(org) == 0


def test_what_cannot_be_seen_does_not_count():
    org = make_org()
    black = io.BytesIO()
    Image.new("RGB", (320, 240)).save(black, "JPEG")
    capture, _ = store_capture(device=make_device(org)[0], data=black.getvalue(), captured_at=MOMENT)
    judge_all()
    capture.refresh_from_db()
    assert (capture.verdict, capture.usable, counted(org)) == ("uncertain", False, 0)


def test_what_is_judged_anew_counts_when_it_is_judged(ask):
    org = make_org()
    [capture] = make_captures(org, 1)
    ask("Fails")
    judge_all()
    Capture.unscoped.filter(pk=capture.pk).update(evaluation_status=EvaluationStatus.FAILED)
    ask("SaysNormal")
    retry_failed(captures=Capture.unscoped.all())
    judge_all()
    assert counted(org) == 1


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_count_every_picture():
    org = make_org()
    make_captures(org, 12)
    at_once(lambda _: judge_all(), count=3)
    judged = org.captures.filter(usable=True).count()  # of noise, one may look like a moved camera
    assert counted(org) == judged >= 6


def test_a_plan_without_limits_costs_the_workers_nothing():
    def statements(org: Organization) -> list[str]:
        make_captures(org, 1)
        return [sql for sql in statements_of(evaluate_next) if "orgs_" in sql and "SELECT" in sql]

    [claim] = statements(make_org())  # the organization comes with the claim
    assert "captures_capture" in claim
    assert len(statements(make_org(evaluation_limit=5))) == 2


# --- again, once there is room


def test_what_a_limit_left_unjudged_is_judged_when_asked_for():
    org = make_org(evaluation_limit=1)
    captures = make_captures(org, 3)
    judge_all()
    raise_limit(org, evaluation_limit=None)
    assert retry_over_limit(org=org) == 2
    assert states(captures)[1:] == [("pending", "")] * 2
    judge_all()
    assert states(captures) == [("completed", "As usual.")] * 3
    assert (counted(org), retry_over_limit(org=org)) == (3, 0)


def test_while_the_limit_is_reached_asking_changes_nothing():
    org = make_org(evaluation_limit=0)
    captures = make_captures(org, 1)
    judge_all()
    before = states(captures)
    with pytest.raises(StillOverLimit, match="The limit is still reached"):
        retry_over_limit(org=org)
    assert states(captures) == before


def test_the_newest_come_first_and_no_more_than_a_batch(monkeypatch):
    monkeypatch.setattr(services, "KEPT_AT_ONCE", 2)
    org = make_org()
    captures = make_captures(org, 3)
    for capture in captures:
        skip(capture)
    assert retry_over_limit(org=org) == 2
    assert [status for status, _ in states(captures)] == ["skipped", "pending", "pending"]


def test_what_was_skipped_otherwise_and_what_is_anothers_stays(ask):
    org, other = make_org(), make_org()
    ask()
    captures = [*make_captures(org, 1), *make_captures(other, 1)]
    judge_all()
    skip(captures[1])
    Capture.unscoped.filter(pk=captures[1].pk).update(usable=None)
    before = states(captures)
    assert before[0] == ("skipped", "No evaluator is configured.")
    assert retry_over_limit(org=org) == 0
    assert states(captures) == before
    assert retry_over_limit(org=other) == 1


def test_operators_can_retry_them_too():
    org = make_org(evaluation_limit=0)
    captures = make_captures(org, 2)
    judge_all()
    assert retry_failed(captures=Capture.unscoped.filter(pk=captures[0].pk)) == 1
    assert [status for status, _ in states(captures)] == ["pending", "skipped"]


def test_a_month_later_what_is_new_is_judged():
    org = make_org(evaluation_limit=1)
    last_month = month_of(timezone.now()) - timedelta(days=1)
    org.monthlyusages.create(month=last_month.replace(day=1), evaluations=1)
    captures = make_captures(org, 1)
    judge_all()
    assert states(captures) == [("completed", "As usual.")]
