"""What holds for the operators' admin across all apps: lists stay cheap, and looks leave an entry."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from captures.models import (
    CalendarDay,
    Capture,
    DeletedCapture,
    Export,
    Forecast,
    HousekeepingRun,
    IntegrityFinding,
    PendingUpload,
    Rejection,
)
from captures.retention.policies import set_policy
from captures.retention.rules import Rule
from devices.models import DeviceKeyUsage, ServiceBreak
from devices.services.claims import replace_hardware
from devices.services.commands import queue_command
from devices.services.labels import Claim
from devices.services.schedules import add_schedule
from devices.services.units import make_units
from orgs.models import (
    ActivationCode,
    ApiTokenUsage,
    AuditEntry,
    Deletion,
    Invitation,
    LimitWarning,
    MonthlyUsage,
    OwnershipTransfer,
    Redemption,
)
from orgs.readonly import CappedPaginator
from orgs.services.oversight import ONE_LOOK, has_looked, note_look
from orgs.services.tokens import create_token
from sharing.models import SharingPolicy
from sharing.opening import open_link
from sharing.services.reports import report_link
from sharing.services.visits import count_view
from tests.builders import (
    logged_in,
    make_capture,
    make_definition,
    make_device,
    make_evaluation,
    make_label,
    make_link,
    make_member,
    make_operator,
    make_org,
    owner_of,
)
from tests.queries import statements_of

pytestmark = pytest.mark.django_db
OURS = ("orgs", "devices", "captures", "sharing")
REGISTRY = sorted(admin.site._registry, key=lambda model: model._meta.label)
TODAY = timezone.now().date()


@pytest.fixture
def operator(client) -> Client:
    client.force_login(make_operator())
    return client


def fill() -> dict[str, Model]:
    """Make a row of every kind, each of an organization of its own, and return some of them by name."""
    org = make_org()
    owner, member = owner_of(org), make_member(org)
    device, _ = make_device(org)
    capture = make_capture(device, verdict="normal")
    token, _ = create_token(membership=org.memberships.get(user=owner), name="Script")
    number = str(org.pk)
    code = ActivationCode.objects.create(digest=number, pepper_id=1, hint=number[:8], device_slots=1)
    later = timezone.now() + timedelta(days=1)
    rows = {
        "organization": org,
        "user": member,
        "membership": member.memberships.get(),
        "device": device,
        "devicekey": device.keys.get(),
        "devicestatus": device.status,
        "capture": capture,
        "definition": make_definition(device),
        "evaluation": make_evaluation(capture),
        "label": make_label(capture),
        "sharelink": make_link(capture, created_by=owner),
        "apitoken": token,
        "activationcode": code,
        "redemption": Redemption.unscoped.create(org=org, code=code, redeemed_by=owner),
        "invitation": Invitation.unscoped.create(
            org=org, email="x@example.org", role="member", digest=number, expires_at=later, created_by=owner
        ),
        "ownershiptransfer": OwnershipTransfer.unscoped.create(org=org, from_user=owner, to_user=member),
    }
    opened = open_link(rows["sharelink"].token, at=timezone.now())
    count_view(opened=opened, visit_id=uuid4(), agent="Browser")
    SharingPolicy.unscoped.create(org=org)
    rows["linkreport"] = report_link(link=rows["sharelink"], reason="privacy")
    [label] = make_units(model="Cam", count=1)
    rows["installation"] = replace_hardware(device=device, claim=Claim(label.code), acting_user=owner)
    queue_command(device=device, trigger_type="manual")
    ServiceBreak.unscoped.create(org=org, device=device, began_at=later, ended_at=later)
    announced = {
        "record_id": number,
        "captured_at": later,
        "byte_size": 1,
        "sha256": "",
        "content_type": "image/jpeg",
    }
    PendingUpload.unscoped.create(org=org, device=device, **announced)
    Export.unscoped.create(org=org, asked_by=owner)
    Forecast.unscoped.create(org=org, key=number, question={}, at=later)
    Deletion.objects.create(organization_id=org.pk, due_at=later, taken_back_at=later)
    rows["schedule"] = add_schedule(device=device, label="Round", interval_seconds=600, acting_user=None)
    CalendarDay.unscoped.create(org=org, device=device, day=TODAY, settled_at=later)
    Rejection.unscoped.create(
        org=org, device=device, captured_at=later, code="broken_picture", first_at=later, last_at=later
    )
    IntegrityFinding.unscoped.create(org=org, capture=capture, problem="missing")
    rows["retentionpolicy"] = set_policy(org=org, rule=Rule(days=30), acting_user=owner)
    moments = dict.fromkeys(("captured_at", "received_at", "deleted_at"), later)
    gone = {"capture_id": org.pk, "record_id": number, "sha256": "", "deleted_by": "rule", **moments}
    DeletedCapture.unscoped.create(org=org, device=device, **gone)
    HousekeepingRun.objects.create(job="prune", subject=str(org.pk), day=TODAY, report={"pictures": 1})
    MonthlyUsage.unscoped.create(org=org, month=TODAY.replace(day=1))
    LimitWarning.unscoped.create(org=org, limit="bytes", period=TODAY, percent=70)
    ApiTokenUsage.unscoped.create(org=org, key=token, day=TODAY)
    DeviceKeyUsage.unscoped.create(org=org, key=device.keys.get(), day=TODAY)
    return rows


def url_of(model: type[Model], view: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{view}", args=args)


def lists(*apps: str) -> dict[str, str]:
    """Where the lists are, by the label of their model. All are looked at on the same rows, which take a while."""
    return {model._meta.label: url_of(model, "changelist") for model in REGISTRY if model._meta.app_label in apps}


def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(operator):
    def asked() -> dict[str, int]:
        return {label: len(statements_of(lambda url=url: operator.get(url))) for label, url in urls.items()}

    def rows() -> dict[str, int]:
        return {
            model._meta.label: model._default_manager.count()
            for model in REGISTRY
            if model._meta.app_label in OURS
        }

    urls = lists(*{model._meta.app_label for model in REGISTRY})
    fill()
    asked()
    few, before = asked(), rows()
    for _ in range(3):
        fill()
    assert asked() == few
    assert [label for label, count in rows().items() if count < before[label] + 3] == [], "make one in fill()"


def test_no_list_of_ours_counts_its_table_to_the_end(operator):
    fill()
    for label, url in lists(*OURS).items():
        counts = [sql for sql in statements_of(lambda url=url: operator.get(url)) if "COUNT(" in sql]
        assert counts, label
        assert [sql for sql in counts if f"LIMIT {CappedPaginator.most}" not in sql] == [], label


def test_any_search_is_answered(operator):
    fill()
    searched = [model for model in REGISTRY if admin.site._registry[model].get_search_fields(None)]
    terms = ("x", "a@example.org", "0190163d-8694-739b-aea5-966c26f8ad91", "'; --", "é %_")
    asked = [(url_of(model, "changelist"), term) for model in searched for term in terms]
    assert len(searched) > 20
    assert [one for one in asked if operator.get(one[0], {"q": one[1]}).status_code != 200] == []


def test_a_page_takes_as_many_queries_for_many_rows_that_hang_on_it_as_for_few(operator):
    org = fill()["organization"]
    url = url_of(type(org), "change", org.pk)
    operator.get(url)
    few = len(statements_of(lambda: operator.get(url)))
    for month in range(5):
        make_member(org)
        MonthlyUsage.unscoped.create(org=org, month=(TODAY - timedelta(days=31 * (month + 1))).replace(day=1))
    assert len(statements_of(lambda: operator.get(url))) == few


def looks() -> list[tuple[str, str]]:
    entries = AuditEntry.unscoped.filter(action="operator.looked").order_by("pk")
    return [(entry.target_kind, entry.target_id) for entry in entries]


@pytest.mark.parametrize(
    "name",
    [
        "organization",
        "membership",
        "device",
        "devicekey",
        "capture",
        "definition",
        "label",
        "apitoken",
        "sharelink",
        "linkreport",
    ],
)
def test_opening_a_row_of_an_organization_is_in_its_audit_once_for_a_while(operator, name):
    rows = fill()
    org, row = rows["organization"], rows[name]
    make_org("Other")
    for _ in range(3):
        assert operator.get(url_of(type(row), "change", row.pk)).status_code == 200
    assert looks() == [(name, str(row.pk))]
    entry = AuditEntry.unscoped.get(action="operator.looked")
    assert (entry.org_id, entry.actor_name, entry.reason) == (org.pk, "operator@example.org", "")
    assert entry.ip == "127.0.0.1"
    page = logged_in(owner_of(org)).get("/organization/audit", {"about": "operators"}).content.decode()
    assert "The operator operator@example.org looked at" in page


def test_another_spelling_of_the_id_is_a_look_as_well(operator):
    membership = fill()["membership"]
    url = f"/admin/orgs/membership/urn_3Auuid_3A{membership.pk}/change/"
    assert operator.get(url).status_code == 200
    assert looks() == [("membership", str(membership.pk))]


def test_a_form_that_is_shown_again_is_a_look_as_well(operator):
    org = fill()["organization"]
    answer = operator.post(url_of(type(org), "change", org.pk), {"device_limit": "many"})
    assert answer.status_code == 200
    assert looks() == [("organization", str(org.pk))]


def test_only_superusers_say_what_groups_may_do():
    user = make_operator("clerk@example.org", is_superuser=False)
    user.user_permissions.set(Permission.objects.all())
    group = Group.objects.create(name="Clerks")
    client = logged_in(user)
    assert client.get(url_of(Group, "change", group.pk)).context["has_change_permission"] is False
    assert client.get(url_of(Group, "add")).status_code == 403
    assert client.post(url_of(Group, "change", group.pk), {"name": "All"}).status_code == 403


def test_another_operator_another_row_and_a_later_look_are_entries_of_their_own(operator, monkeypatch):
    rows = fill()
    device, capture = rows["device"], rows["capture"]
    url = url_of(type(device), "change", device.pk)
    operator.get(url)
    operator.get(url_of(Capture, "change", capture.pk))
    logged_in(make_operator("second@example.org")).get(url)
    assert len(looks()) == 3
    monkeypatch.setattr("orgs.services.oversight.ONE_LOOK", timedelta())
    operator.get(url)
    assert len(looks()) == 4
    assert timedelta(minutes=1) <= ONE_LOOK <= timedelta(hours=1)


def test_who_was_refused_or_found_nothing_did_not_look(client):
    device = fill()["device"]
    client.force_login(make_operator("clerk@example.org", is_superuser=False))
    assert client.get(url_of(type(device), "change", device.pk)).status_code == 403
    client.force_login(make_operator())
    assert client.get(url_of(type(device), "change", make_org().pk)).status_code == 302
    assert looks() == []


def picture_urls(capture: Capture) -> tuple[str, str]:
    return url_of(Capture, "picture", capture.pk), url_of(Capture, "image", capture.pk)


def test_a_picture_is_shown_only_to_who_said_why_and_the_organization_reads_it(operator):
    capture = make_capture(metadata={"plate": "ZH 1234"})
    page, image = picture_urls(capture)
    assert operator.get(image).status_code == 403
    for url in (page, url_of(Capture, "change", capture.pk)):
        before = operator.get(url).content.decode()
        assert image not in before
        assert "ZH 1234" not in before
    for reason in ("", "   ", "x" * 501):
        refused = operator.post(page, {"reason": reason})
        assert (refused.status_code, image in refused.content.decode()) == (400, False)
    assert operator.get(image).status_code == 403

    assert operator.post(page, {"reason": "Ticket 12"}).status_code == 302
    shown = operator.get(page).content.decode()
    assert image in shown
    assert "ZH 1234" in shown
    answer = operator.get(image)
    assert answer.getvalue()[:2] == b"\xff\xd8"
    assert "no-store" in answer["Cache-Control"]
    entry = AuditEntry.unscoped.get(action="operator.looked", reason="Ticket 12")
    assert (entry.org_id, entry.target_id, entry.device_id) == (capture.org_id, str(capture.pk), capture.device_id)


def test_a_reason_is_for_one_picture_one_operator_and_a_while(operator, monkeypatch):
    capture, other = make_capture(), make_capture()
    page, image = picture_urls(capture)
    operator.post(page, {"reason": "Ticket 12"})
    assert operator.get(picture_urls(other)[1]).status_code == 403
    assert logged_in(make_operator("second@example.org")).get(image).status_code == 403
    assert operator.get(image).status_code == 200
    monkeypatch.setattr("orgs.services.oversight.ONE_LOOK", timedelta())
    assert operator.get(image).status_code == 403
    assert image not in operator.get(page).content.decode()


def test_an_operator_who_may_not_see_captures_sees_no_picture_for_any_reason(client):
    capture = make_capture()
    clerk = make_operator("clerk@example.org", is_superuser=False)
    clerk.user_permissions.add(Permission.objects.get(codename="view_device"))
    client.force_login(clerk)
    page, image = picture_urls(capture)
    assert [client.post(page, {"reason": "Ticket 12"}).status_code, client.get(image).status_code] == [403, 403]
    assert looks() == []


def test_pictures_are_not_for_who_is_no_operator(client):
    capture = make_capture()
    client.force_login(owner_of(capture.org))
    for url in picture_urls(capture):
        answer = client.get(url)
        assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/admin/login/")


def test_a_look_without_a_reason_is_no_permit():
    capture, operator = make_capture(), make_operator()
    note_look(target=capture, acting_user=operator)
    assert has_looked(target=capture, acting_user=operator)
    assert not has_looked(target=capture, acting_user=operator, with_reason=True)


def test_what_belongs_to_no_organization_leaves_no_look(operator):
    user = make_member(make_org())
    assert operator.get(url_of(type(user), "change", user.pk)).status_code == 200
    assert looks() == []
