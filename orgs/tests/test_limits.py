"""How much of a plan is used, and what follows."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from orgs.limits import GB, Usage, amount, usage_of, usage_of_each, uses_of, why_not_judged
from orgs.models import Limit, MonthlyUsage
from orgs.services.plans import count_evaluation
from tests.builders import make_org
from tests.queries import statements_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 15, 12, 0, tzinfo=UTC)
NOT_JUDGED = "Not judged: the plan covers"
KEPT = "Pictures are still taken in and kept, but not judged."
MARCH, FEBRUARY = date(2026, 3, 1), date(2026, 2, 1)


def use(org, month=MARCH, **counts):
    MonthlyUsage.unscoped.create(org=org, month=month, **counts)


def levels(org, usage) -> dict[str, int]:
    return {use.limit.value: use.level for use in uses_of(org, usage, NOW)}


def test_a_new_organization_has_no_limits_when_self_hosted():
    org = make_org()
    limits = (org.device_limit, org.byte_limit, org.evaluation_limit, org.trial_ends_at)
    assert limits == (None, None, None, None)


def test_a_new_organization_is_on_trial_when_the_plan_says_so(settings):
    settings.VISANT_PLAN = "trial"
    before = timezone.now()
    org = make_org()
    assert (org.device_limit, org.byte_limit, org.evaluation_limit) == (5, 10 * GB, 10_000)
    assert before + timedelta(days=30) <= org.trial_ends_at <= timezone.now() + timedelta(days=30)


def test_the_limits_of_a_trial_are_settings(settings):
    settings.VISANT_PLAN = "trial"
    settings.VISANT_TRIAL_DAYS, settings.VISANT_TRIAL_CAMERAS = 7, 2
    settings.VISANT_TRIAL_GB, settings.VISANT_TRIAL_EVALUATIONS = 1, 50
    org = make_org()
    assert (org.device_limit, org.byte_limit, org.evaluation_limit) == (2, GB, 50)
    assert timedelta(days=6) < org.trial_ends_at - timezone.now() <= timedelta(days=7)


def test_bytes_are_those_of_all_months_evaluations_those_of_this_one():
    org, other = make_org(), make_org()
    use(org, FEBRUARY, bytes=300, evaluations=7)
    use(org, MARCH, bytes=-100, evaluations=4)
    use(other, MARCH, bytes=5000, evaluations=50)
    assert usage_of(org, NOW) == Usage(bytes=200, evaluations=4)
    assert usage_of_each([org.pk, other.pk], NOW) == {org.pk: Usage(200, 4), other.pk: Usage(5000, 50)}
    assert usage_of(make_org(), NOW) == Usage(0, 0)


def test_more_deleted_than_counted_is_nothing_used():
    org = make_org()
    use(org, bytes=-100)
    assert usage_of(org, NOW) == Usage(0, 0)


def test_the_month_is_that_of_utc_wherever_the_organization_is():
    org = make_org(time_zone="Pacific/Auckland")
    last_of_march = datetime(2026, 3, 31, 23, 30, tzinfo=UTC)  # April there
    count_evaluation(org_id=org.pk, at=last_of_march)
    count_evaluation(org_id=org.pk, at=last_of_march + timedelta(hours=1))
    rows = org.monthlyusages.order_by("month").values_list("month", "evaluations")
    assert list(rows) == [(MARCH, 1), (date(2026, 4, 1), 1)]


@pytest.mark.parametrize(
    ("used", "level"), [(0, 0), (69, 0), (70, 70), (89, 70), (90, 90), (99, 90), (100, 100), (500, 100)]
)
def test_levels_are_reached_at_70_90_and_100_percent(used, level):
    org = make_org(device_limit=100, byte_limit=100, evaluation_limit=100)
    assert levels(org, Usage(used, used, used)) == {"cameras": level, "bytes": level, "evaluations": level}


def test_what_has_no_limit_is_never_near_it():
    org = make_org()
    uses = uses_of(org, Usage(10**15, 10**9, 10**6), NOW)
    assert [(use.limit, use.level, use.percent) for use in uses] == [
        (Limit.CAMERAS, 0, None),
        (Limit.BYTES, 0, None),
        (Limit.EVALUATIONS, 0, None),
    ]


def test_a_limit_of_nothing_is_reached_from_the_start():
    org = make_org(evaluation_limit=0)
    assert levels(org, Usage())["evaluations"] == 100
    assert why_not_judged(org, NOW) == "Not judged: the plan covers 0 evaluations a month."


@pytest.mark.parametrize(
    ("left", "level", "days_left"),
    [
        (timedelta(days=7, seconds=1), 0, 8),
        (timedelta(days=7), 70, 7),
        (timedelta(days=1, seconds=1), 70, 2),
        (timedelta(days=1), 90, 1),
        (timedelta(seconds=1), 90, 1),
        (timedelta(0), 100, 0),
        (timedelta(days=-40), 100, 0),
    ],
)
def test_of_a_trial_the_days_that_are_left_count(left, level, days_left):
    org = make_org(created_at=NOW - timedelta(days=10), trial_ends_at=NOW + left)
    trial = uses_of(org, Usage(), NOW)[-1]
    assert (trial.limit, trial.level, trial.days_left) == (Limit.TRIAL, level, days_left)
    assert trial.period == (NOW + left).date()


SENTENCES = [
    ({"device_limit": 5}, {"cameras": 4}, "4 of 5 camera slots are used (80 %)."),
    ({"device_limit": 5}, {"cameras": 5}, "All camera slots are used: 5 of 5."),
    ({"byte_limit": 10 * GB}, {"bytes": 9_290_000_000}, "9.2 GB of 10 GB of pictures are stored (92 %)."),
    (
        {"byte_limit": 10 * GB},
        {"bytes": 11 * GB},
        f"The 10 GB of pictures that the plan covers are full. {KEPT}",
    ),
    (
        {"evaluation_limit": 1000},
        {"evaluations": 700},
        "700 of 1,000 evaluations of this month are used (70 %).",
    ),
    (
        {"evaluation_limit": 1000},
        {"evaluations": 1000},
        f"All evaluations of this month are used: 1,000 of 1,000. {KEPT}",
    ),
    ({"trial_ends_at": NOW + timedelta(days=6, hours=1)}, {}, "The trial ends in 7 days, on 21 March 2026."),
    ({"trial_ends_at": NOW + timedelta(hours=1)}, {}, "The trial ends in 1 day, on 15 March 2026."),
    (
        {"trial_ends_at": NOW, "time_zone": "Pacific/Auckland"},
        {},
        f"The trial ended on 16 March 2026. {KEPT}",
    ),
]


@pytest.mark.parametrize(("limits", "used", "sentence"), SENTENCES)
def test_owners_are_told_in_a_sentence(limits, used, sentence):
    uses = uses_of(make_org(**limits), Usage(**used), NOW)
    assert [use.sentence for use in uses if use.level] == [sentence]


def test_pictures_are_judged_until_something_is_used_up():
    org = make_org(byte_limit=10 * GB, evaluation_limit=1000, trial_ends_at=NOW + timedelta(days=1))
    use(org, bytes=10 * GB - 1, evaluations=999)
    assert why_not_judged(org, NOW) == ""


@pytest.mark.parametrize(
    ("limits", "used", "sentence"),
    [
        ({"evaluation_limit": 1}, {"evaluations": 1}, f"{NOT_JUDGED} 1 evaluation a month."),
        ({"evaluation_limit": 1000}, {"evaluations": 1001}, f"{NOT_JUDGED} 1,000 evaluations a month."),
        ({"byte_limit": 10 * GB}, {"bytes": 10 * GB}, f"{NOT_JUDGED} 10 GB of pictures."),
        ({"trial_ends_at": NOW}, {}, "Not judged: the trial ended on 15 March 2026."),
        ({"suspended_at": NOW}, {}, "Not judged: the organization is suspended."),
    ],
)
def test_what_is_used_up_says_why_pictures_are_not_judged(limits, used, sentence):
    org = make_org(**limits)
    use(org, **used)
    assert why_not_judged(org, NOW) == sentence


def test_cameras_that_fill_all_slots_are_judged():
    assert why_not_judged(make_org(device_limit=0), NOW) == ""


def test_the_next_month_begins_anew():
    org = make_org(evaluation_limit=1)
    use(org, FEBRUARY, evaluations=1)
    assert why_not_judged(org, NOW) == ""


def test_without_limits_asking_costs_nothing():
    org, limited = make_org(trial_ends_at=NOW), make_org(byte_limit=1, evaluation_limit=1)
    assert statements_of(lambda: why_not_judged(org, NOW)) == []
    assert len(statements_of(lambda: why_not_judged(limited, NOW))) == 1


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1_500, "1.5 kB"),
        (999_999, "999.9 kB"),
        (2_000_000, "2 MB"),
        (9_999_999_999, "9.9 GB"),
        (1_234_000_000_000, "1,234 GB"),
    ],
)
def test_bytes_are_told_short_and_never_rounded_up(number, text):
    assert amount(Limit.BYTES, number) == text


@pytest.mark.django_db(transaction=True)
def test_evaluations_counted_at_once_are_all_counted():
    org = make_org()
    at_once(lambda _: [count_evaluation(org_id=org.pk, at=NOW) for _ in range(5)], count=4)
    assert list(org.monthlyusages.values_list("month", "evaluations", "bytes")) == [(MARCH, 20, 0)]
