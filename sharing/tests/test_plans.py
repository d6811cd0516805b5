"""What is asked again and again is looked up, however much there is that is not asked for."""

import secrets
from datetime import timedelta

import pytest
from django.db import connection, models
from django.utils import timezone

from captures.models import Capture, EvaluationStatus
from sharing.models import LinkKind, ShareLink
from sharing.opening import captures_shown
from sharing.services.ending import revoke_powerless
from sharing.services.reminders import remind_of_unopened
from tests.builders import MOMENT, make_device, make_member
from tests.queries import statements_of

pytestmark = pytest.mark.django_db
NOW = timezone.now()
MANY = 2000


@pytest.fixture
def device():
    device, _ = make_device()
    member = make_member(device.org)
    about = {"org_id": device.org_id, "device_id": device.pk}
    picture = {"byte_size": 1, "width": 1, "height": 1, "content_type": "image/jpeg"}
    Capture.unscoped.bulk_create(
        Capture(
            **about,
            **picture,
            record_id=str(number),
            storage_key=f"{device.pk}/{number}",
            sha256=f"{number:064}",
            captured_at=MOMENT + timedelta(minutes=number),
            evaluation_status=EvaluationStatus.COMPLETED,
            evaluation_due_at=None,
            verdict="normal" if number < 50 else None,
        )
        for number in range(MANY)
    )
    ShareLink.unscoped.bulk_create(
        ShareLink(
            **about,
            kind=LinkKind.DEVICE,
            token=secrets.token_urlsafe(24),
            created_by=None if number else member,
            without_maker=bool(number),
            created_at=NOW - timedelta(hours=number),
            expires_at=NOW + timedelta(days=20 - number),
        )
        for number in range(MANY)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return device


def plan_of(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}")
        return "\n".join(str(row) for row in cursor.fetchall())


def uses(rows: models.QuerySet, index: str) -> bool:
    plan = rows.explain()
    return index in plan and "Sort" not in plan and "TEMP B-TREE" not in plan


def test_judged_pictures_are_found_behind_any_number_of_newer_ones(device):
    link = ShareLink.unscoped.filter(device=device).first()
    shown = captures_shown(link, None, at=NOW)
    for page in (
        shown.newest_first()[:25],
        shown.filter(captured_at__lt=NOW).newest_first()[:25],
        shown.filter(captured_at__gt=MOMENT).order_by("captured_at", "pk")[:1],
    ):
        assert uses(page, "captures_capture_judged_time")


def test_links_are_listed_by_the_page(device):
    links = device.org.share_links.order_by("-created_at", "-pk")
    assert uses(links[:51], "sharing_sharelink_org_time")
    [maker] = device.org.memberships.filter(role="member")
    assert uses(links.filter(created_by=maker.user_id)[:51], "sharing_sharelink_maker_time")


@pytest.mark.skipif(connection.vendor != "postgresql", reason="Where there are many links")
@pytest.mark.parametrize("job", [revoke_powerless, remind_of_unopened])
def test_what_is_done_every_minute_does_not_go_through_links_that_are_over(device, job):
    asked = [sql for sql in statements_of(lambda: job(at=NOW)) if 'FROM "sharing_sharelink"' in sql]
    plans = [plan_of(sql) for sql in asked]
    assert plans
    assert all("sharing_sharelink_expiring_of" in plan for plan in plans)
    assert not any("Seq Scan on sharing_sharelink" in plan for plan in plans)
