"""What operators find and do in the admin of organizations, tokens and the audit."""

import re
from datetime import date, timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from devices.services.devices import rename_device
from orgs.models import ActivationCode, AuditEntry, MonthlyUsage, Organization, Redemption, Role, User
from orgs.origin import coming_from
from orgs.readonly import NewestRows
from orgs.services.tokens import create_token
from tests.builders import (
    MOMENT,
    PASSWORD,
    logged_in,
    make_device,
    make_member,
    make_operator,
    make_org,
    owner_of,
)

pytestmark = pytest.mark.django_db
ADDED = {"email": "New@Example.org", "name": "New", "usable_password": "true", "password1": PASSWORD}


@pytest.fixture
def operator(client) -> Client:
    client.force_login(make_operator())
    return client


def may(user: User, *codenames: str) -> User:
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    return user


@pytest.mark.parametrize("name", ["organization_add", "organization_delete", "user_delete"])
def test_organizations_are_not_made_and_nothing_with_a_past_is_deleted(operator, name):
    org = make_org()
    rows = {"organization_add": [], "organization_delete": [org.pk], "user_delete": [owner_of(org).pk]}
    assert operator.post(reverse(f"admin:orgs_{name}", args=rows[name]), {"post": "yes"}).status_code == 403
    assert Organization.objects.count() == 1
    assert User.objects.count() == 2


def limits_form(**fields: str) -> dict[str, str]:
    """What the page of an organization sends: its limits, and the counts of the lists below."""
    limits = {"device_limit": "", "byte_limit": "", "evaluation_limit": "", "retention_days": ""}
    lists = {
        f"{prefix}-{name}_FORMS": "0"
        for prefix in ("memberships", "monthlyusages", "redemptions")
        for name in ("TOTAL", "INITIAL")
    }
    return {**limits, **lists, **fields}


def test_limits_of_an_organization_are_set_and_nothing_else_of_it(operator):
    org = make_org(trial_ends_at=MOMENT)
    url = reverse("admin:orgs_organization_change", args=[org.pk])
    sent = limits_form(device_limit="3", name="Taken over", slug="taken", suspended_at_0="2026-01-01")
    assert operator.post(url, sent).status_code == 302
    name, slug = org.name, org.slug
    org.refresh_from_db()
    assert (org.device_limit, org.byte_limit, org.retention_days) == (3, None, None)
    assert (org.name, org.slug, org.trial_ends_at, org.suspended_at) == (name, slug, MOMENT, None)
    assert LogEntry.objects.get().object_id == str(org.pk)
    entry = org.auditentrys.get(action="plan.limits_changed")
    assert (entry.actor_name, entry.before, entry.after) == (
        "operator@example.org",
        {"device_limit": None},
        {"device_limit": 3},
    )
    for days, sentence in (("0", "greater than or equal to 1."), ("36501", "less than or equal to 36500.")):
        assert sentence in operator.post(url, limits_form(retention_days=days)).content.decode()


def test_an_organization_is_shown_with_its_members_usage_and_codes(operator):
    org, other = make_org(), make_org()
    member, stranger = make_member(org), make_member(other)
    MonthlyUsage.unscoped.create(org=org, month=date(2026, 3, 1), pictures=77123)
    code = ActivationCode.objects.create(digest="d", pepper_id=1, hint="HINT", device_slots=1)
    Redemption.unscoped.create(org=org, code=code, redeemed_by=member)
    page = operator.get(reverse("admin:orgs_organization_change", args=[org.pk])).content.decode()
    for shown in (str(member), str(owner_of(org)), "77123", "HINT…"):
        assert shown in page
    assert str(stranger) not in page
    assert re.findall(r'name="[a-z]+-\d+-(?!id|org)[a-z]+"', page) == []


def test_of_many_members_the_newest_are_shown(operator, monkeypatch):
    monkeypatch.setattr(NewestRows, "most", 2)
    org = make_org()
    members = [make_member(org) for _ in range(3)]
    page = operator.get(reverse("admin:orgs_organization_change", args=[org.pk])).content.decode()
    assert [str(member) in page for member in members] == [False, True, True]


def act(client: Client, name: str, *rows: Model, action: str, **fields: str) -> str:
    """Choose an action for rows of a list, and return what the page says then."""
    sent = {"action": action, "_selected_action": [row.pk for row in rows], **fields}
    return client.post(reverse(f"admin:orgs_{name}_changelist"), sent, follow=True).content.decode()


def test_an_operator_suspends_and_resumes_an_organization(operator):
    org = make_org()
    admin = logged_in(make_member(org, Role.ADMIN))
    assert "Say why" in act(operator, "organization", org, action="suspend")
    assert admin.get("/").status_code == 200
    assert f"Suspended: {org}." in act(operator, "organization", org, action="suspend", reason="Unpaid.")
    assert admin.get("/").status_code == 403
    entry = org.auditentrys.get(action="organization.suspended")
    assert (entry.reason, entry.actor_name) == ("Unpaid.", "operator@example.org")
    assert f"Open again: {org}." in act(operator, "organization", org, action="resume")
    assert admin.get("/").status_code == 200
    assert org.auditentrys.filter(action="organization.resumed").exists()


@pytest.mark.parametrize("days", ["", "0", "-3", "367", "many", "9" * 5000])
def test_a_trial_is_extended_by_bearable_days_only(operator, days):
    org = make_org(trial_ends_at=MOMENT)
    assert "by 1 to 366 days" in act(operator, "organization", org, action="extend", days=days)
    org.refresh_from_db()
    assert org.trial_ends_at == MOMENT


def test_a_trial_is_extended_for_those_on_trial_and_the_others_are_named(operator):
    ends_at = timezone.now() + timedelta(days=2)
    org, other = make_org(trial_ends_at=ends_at), make_org("Paying", trial_ends_at=None)
    page = act(operator, "organization", org, other, action="extend", days="10")
    assert f"Trial extended: {org}." in page
    assert f"{other} is not on trial." in page
    org.refresh_from_db()
    assert org.trial_ends_at == ends_at + timedelta(days=10)


def test_an_operator_revokes_a_token(operator):
    owner = owner_of(make_org())
    token, _ = create_token(membership=owner.memberships.get(), name="Script")
    assert "Revoked: 1." in act(operator, "apitoken", token, action="revoke")
    token.refresh_from_db()
    assert token.state == "revoked"
    assert token.org.auditentrys.get(action="token.revoked").actor_name == "operator@example.org"
    assert "Revoked: 0." in act(operator, "apitoken", token, action="revoke")


@pytest.mark.parametrize(
    ("name", "action"),
    [("organization", "suspend"), ("organization", "resume"), ("organization", "extend"), ("apitoken", "revoke")],
)
def test_an_operator_who_may_only_look_does_nothing(client, name, action):
    org = make_org(trial_ends_at=MOMENT, suspended_at=MOMENT if action == "resume" else None)
    token, _ = create_token(membership=org.memberships.get(), name="Script")
    row = {"organization": org, "apitoken": token}[name]
    client.force_login(may(make_operator("clerk@example.org", is_superuser=False), f"view_{name}"))
    before = type(row)._default_manager.values().get()
    act(client, name, row, action=action, reason="Because.", days="3")
    assert type(row)._default_manager.values().get() == before


@pytest.mark.parametrize("view", ["add", "change", "delete"])
@pytest.mark.parametrize("name", ["membership", "auditentry", "apitoken"])
def test_what_only_services_change_is_changed_by_nobody_here(operator, name, view):
    org = make_org()
    create_token(membership=org.memberships.get(), name="Script")
    model = apps.get_model("orgs", name)
    row = model._default_manager.order_by("pk").first()
    before = list(model._default_manager.values())
    url = reverse(f"admin:orgs_{name}_{view}", args=[] if view == "add" else [row.pk])
    assert operator.post(url, {"role": "admin", "action": "x", "post": "yes"}).status_code == 403
    assert list(model._default_manager.values()) == before


def found(client: Client, name: str, term: str) -> list[Model]:
    page = client.get(reverse(f"admin:orgs_{name}_changelist"), {"q": term})
    return list(page.context["cl"].result_list)


def test_the_audit_is_found_by_person_organization_camera_and_request(operator):
    org = make_org()
    device, _ = make_device(org)
    make_device(make_org())
    with coming_from(ip="203.0.113.9", request_id="abc123"):
        rename_device(device=device, name="Yard", acting_user=owner_of(org))
    renamed = AuditEntry.unscoped.get(action="camera.renamed")
    of_org = AuditEntry.unscoped.filter(org=org).order_by("-pk")
    of_owner = of_org.filter(actor_id=owner_of(org).pk)
    assert found(operator, "auditentry", "abc123") == [renamed]
    assert found(operator, "auditentry", owner_of(org).email.upper()) == list(of_owner)
    for term in (org.slug, str(org.pk)):
        assert found(operator, "auditentry", term) == list(of_org)
    assert found(operator, "auditentry", str(device.pk)) == list(of_org.filter(device_id=device.pk))
    assert found(operator, "auditentry", "nobody@example.org") == []


def test_tokens_are_found_by_prefix_and_owner_and_show_no_secret(operator):
    owner = owner_of(make_org())
    token, text = create_token(membership=owner.memberships.get(), name="Script")
    create_token(membership=make_org().memberships.get(), name="Other")
    for term in (token.prefix, owner.email):
        assert found(operator, "apitoken", term) == [token]
    page = operator.get(reverse("admin:orgs_apitoken_change", args=[token.pk])).content.decode()
    assert text not in page
    assert token.digest not in page


@pytest.mark.parametrize("is_operator", [False, True])
def test_a_lost_second_factor_is_removed_and_of_operators_by_superusers_only(client, is_operator):
    org = make_org()
    user = make_member(org)
    User.objects.filter(pk=user.pk).update(is_staff=is_operator)
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "GEZDGNBV"})
    client.force_login(may(make_operator("clerk@example.org", is_superuser=False), "view_user", "change_user"))
    act(client, "user", user, action="remove_factor")
    assert Authenticator.objects.exists() is is_operator
    client.force_login(make_operator())
    act(client, "user", user, action="remove_factor")
    assert not Authenticator.objects.exists()
    assert org.auditentrys.filter(action="mfa.disabled").count() == 1
    assert "has no second factor" in act(client, "user", user, action="remove_factor")
