"""What is found by an index: judged pictures among any number of others, links in force among those that ended."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.urls import reverse

from captures.models import Capture, EvaluationStatus
from orgs.models import Membership, Role
from sharing.models import LinkKind, Sampling, ShareLink
from sharing.services.ending import revoke_powerless
from sharing.services.reminders import remind_of_unopened
from tests.builders import MOMENT, make_link, make_member
from tests.queries import plans_of

pytestmark = pytest.mark.django_db
# A Thursday: makers are told on Mondays, and looked for all the time.
NOW = datetime(2026, 6, 11, 10, 30, tzinfo=UTC)
JUDGED, OTHERS = 60, 1500
ENDED = 1500
DAY = timedelta(days=1)
# How the two databases say that they read more than an index of what is looked for.
READS_ALL_PICTURES = re.compile(r"Seq Scan on captures_|SCAN captures_|_capture_(device|org)_time")
READS_ALL_LINKS = re.compile(
    r"Seq Scan on sharing_sharelink|SCAN (sharing_sharelink|[UV]\d)|sharing_sharelink_org_"
)


@pytest.fixture
def archive(device):
    """A picture an hour; the newest are not judged, of some before them there is the verdict alone."""
    settled = {"verdict": "normal", "evaluation_status": EvaluationStatus.COMPLETED}
    failed = {"verdict": None, "evaluation_status": EvaluationStatus.FAILED}
    Capture.unscoped.bulk_create(
        Capture(
            org_id=device.org_id,
            device=device,
            record_id=str(number),
            captured_at=MOMENT + timedelta(hours=number),
            storage_key="" if JUDGED <= number < OTHERS // 2 else f"{device.pk}/{number}.jpeg",
            sha256="" if JUDGED <= number < OTHERS // 2 else str(number),
            content_type="image/jpeg",
            byte_size=0 if JUDGED <= number < OTHERS // 2 else 1,
            width=4,
            height=3,
            **(settled if number < OTHERS // 2 else failed),
        )
        for number in range(OTHERS)
    )
    return device.captures.filter(captured_at__lt=MOMENT + JUDGED * timedelta(hours=1)).newest_first()


TERMS = [
    {"delay_hours": 5},
    {"sampling": Sampling.HOURLY},
    {"sampling": Sampling.DAILY},
    {"kind": LinkKind.RANGE, "range_from": MOMENT, "range_until": MOMENT + 365 * DAY},
    {"kind": LinkKind.LATEST},
]


@pytest.fixture(autouse=True)
def _indexes_alone() -> None:
    """So few rows are sorted, or read one and all, as quickly; what counts is that they need not be."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for other_way in ("seqscan", "bitmapscan", "sort", "incremental_sort"):
                cursor.execute(f"SET LOCAL enable_{other_way} = off")


def test_what_links_show_is_found_among_judged_pictures_only(client, archive):
    for terms in TERMS:
        link = make_link(archive[0], **{"kind": LinkKind.DEVICE, **terms})
        gallery, json = reverse("share", args=[link.token]), f"/api/s/{link.token}"
        shown = client.get(json).json()["captures"]
        picture = reverse("share-picture", args=[link.token, shown[-1]["id"]])
        addresses = [gallery, json, f"{gallery}?day={(MOMENT + DAY).date()}", picture]
        plans = plans_of(lambda asked=addresses: [client.get(address) for address in asked], "captures_capture")
        assert any("captures_capture_judged_time" in plan for plan in plans)
        assert not [plan for plan in plans if READS_ALL_PICTURES.search(plan)]


@pytest.fixture
def links(capture):
    """Many that ended, in as many ways as there are, and three in force."""
    ended = [{"revoked_at": NOW}, {"suspended_at": NOW}, {"expires_at": NOW - DAY}]
    ShareLink.unscoped.bulk_create(
        ShareLink(
            org=capture.org,
            token=f"token {number}",
            kind=LinkKind.DEVICE,
            device=capture.device,
            created_at=NOW - timedelta(minutes=number),
            without_maker=True,
            **ended[number % len(ended)],
        )
        for number in range(ENDED)
    )
    leaving = make_member(capture.org)
    made = {"created_by": leaving, "created_at": NOW - 3 * DAY}
    in_force = [make_link(capture, expires_at=end, **made) for end in (None, NOW + DAY)]
    Membership.unscoped.filter(user=leaving).update(role=Role.VIEWER)
    return [*in_force, make_link(capture)]


@pytest.mark.parametrize("job", [revoke_powerless, remind_of_unopened])
def test_jobs_read_no_links_that_ended(links, job):
    plans = plans_of(lambda: job(at=NOW), "sharing_sharelink")
    assert plans
    assert any("sharing_sharelink_in_force" in plan for plan in plans)
    assert not [plan for plan in plans if READS_ALL_LINKS.search(plan)]


@pytest.mark.parametrize(
    ("role", "index"),
    [(Role.ADMIN, "sharing_sharelink_org_time"), (Role.MEMBER, "sharing_sharelink_maker_time")],
)
def test_the_list_of_links_comes_in_the_order_of_an_index(client, links, role, index):
    """All of an organization, or those that the member made: none of that many."""
    client.force_login(make_member(links[0].org, role))
    address = reverse("sharing")
    further = client.get(address).context["next_cursor"]
    pages = [address, *([f"{address}?cursor={further}"] if further else [])]
    plans = plans_of(lambda: [client.get(page) for page in pages], "sharing_sharelink")
    assert len(plans) == len(pages)
    for plan in plans:
        assert index in plan
        assert "Sort" not in plan
        assert "TEMP B-TREE" not in plan


def test_links_that_are_over_stay_what_they_are(capture):
    leaving = make_member(capture.org)
    over, used_up = (
        make_link(capture, created_by=leaving, **fields)
        for fields in ({"expires_at": NOW - DAY}, {"max_views": 1, "view_count": 1})
    )
    Membership.unscoped.filter(user=leaving).update(role=Role.VIEWER)
    assert revoke_powerless(at=NOW) == 1
    for link in (over, used_up):
        link.refresh_from_db()
    assert [link.revoked_at is None for link in (over, used_up)] == [True, False]
