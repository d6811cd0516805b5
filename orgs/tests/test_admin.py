"""The admin of people, organizations and memberships, and what holds for the admin of every app."""

import pytest
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from orgs.models import User
from orgs.services.organizations import create_organization
from tests.builders import (
    PASSWORD,
    make_member,
    make_operator,
    make_org,
    owner_of,
)
from tests.queries import statements_of

pytestmark = pytest.mark.django_db
ADDED = {"email": "New@Example.org", "name": "New", "usable_password": "true", "password1": PASSWORD}


@pytest.fixture
def operator(client) -> Client:
    client.force_login(make_operator())
    return client


def may(user: User, *codenames: str) -> User:
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    return user


def test_every_model_of_ours_is_in_the_admin():
    labels = ("orgs", "devices", "captures", "sharing")
    ours = {model for label in labels for model in apps.get_app_config(label).get_models()}
    assert ours <= set(admin.site._registry)


@pytest.mark.parametrize("name", ["user", "organization", "membership"])
def test_list_search_and_detail_open(operator, name):
    member = make_member(make_org())
    membership = member.memberships.get()
    row = {"user": member, "organization": membership.org, "membership": membership}[name]
    for url in (
        reverse(f"admin:orgs_{name}_changelist"),
        reverse(f"admin:orgs_{name}_changelist") + "?q=example.org",
        reverse(f"admin:orgs_{name}_change", args=[row.pk]),
    ):
        answer = operator.get(url)
        assert answer.status_code == 200, url
        assert str(row.pk) in answer.content.decode(), url


@pytest.mark.parametrize("name", ["user", "organization", "membership"])
def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(operator, name):
    make_member(make_org())
    url = reverse(f"admin:orgs_{name}_changelist")
    few = len(statements_of(lambda: operator.get(url)))
    for _ in range(5):
        make_member(make_org())
    assert len(statements_of(lambda: operator.get(url))) == few


@pytest.mark.parametrize(
    ("name", "term", "found"),
    [
        ("user", "ann@", ["ann@example.org"]),
        ("organization", "ann-and", ["Ann and co"]),
        ("organization", "ann@example.org", ["Ann and co"]),
        ("membership", "ann@example", ["ann@example.org"]),
        ("membership", "nobody", []),
    ],
)
def test_search_finds_by_address_name_and_slug(operator, name, term, found):
    create_organization(name="Ann and co", owner_email="ann@example.org")
    create_organization(name="Other", owner_email="bob@example.org")
    rows = operator.get(reverse(f"admin:orgs_{name}_changelist"), {"q": term}).context["cl"].result_list
    assert [str(getattr(row, "user", row)) for row in rows] == found


def test_an_account_is_added_in_lower_case_with_a_hashed_password(operator):
    answer = operator.post(reverse("admin:orgs_user_add"), {**ADDED, "password2": PASSWORD})
    assert answer.status_code == 302
    user = User.objects.get(email="new@example.org")
    assert (user.name, user.check_password(PASSWORD), user.is_staff) == ("New", True, False)
    assert client_may_log_in(user.email, PASSWORD)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"password1": "short", "password2": "short"}, "at least 10 characters"),
        ({"password2": "another horse battery"}, "didn’t match"),
        ({"email": "OWNER@taken.org", "password2": PASSWORD}, "An account with this address exists already."),
        ({"email": "nonsense", "password2": PASSWORD}, "Enter a valid email address."),
    ],
)
def test_an_account_is_refused_with_a_sentence(operator, fields, sentence):
    User.objects.create_user("owner@taken.org")
    answer = operator.post(reverse("admin:orgs_user_add"), {**ADDED, **fields})
    assert sentence in answer.content.decode()
    assert set(User.objects.values_list("email", flat=True)) == {"owner@taken.org", "operator@example.org"}


def test_an_account_without_a_password_is_added_too(operator):
    fields = {**ADDED, "usable_password": "false", "password1": "", "password2": ""}
    answer = operator.post(reverse("admin:orgs_user_add"), fields)
    user = User.objects.get(email="new@example.org")
    assert answer.headers["Location"] == reverse("admin:orgs_user_change", args=[user.pk])
    assert (user.name, user.has_usable_password()) == ("New", False)


def test_an_operator_changes_an_account_and_its_password(operator):
    user = make_member(make_org())
    url = reverse("admin:orgs_user_change", args=[user.pk])
    assert operator.post(url, {"email": "moved@example.org", "name": "Moved"}).status_code == 302
    user.refresh_from_db()
    assert (user.email, user.name, user.is_active) == ("moved@example.org", "Moved", False)
    new = "a staple for the battery"
    fields = {"usable_password": "true", "password1": new, "password2": new}
    assert operator.post(reverse("admin:auth_user_password_change", args=[user.pk]), fields).status_code == 302
    user.refresh_from_db()
    assert user.check_password(new)


def test_the_hash_of_a_password_is_shown_nowhere(client):
    user = make_member(make_org())
    client.force_login(may(make_operator("viewer@example.org", is_superuser=False), "view_user"))
    page = client.get(reverse("admin:orgs_user_change", args=[user.pk])).content.decode()
    assert user.email in page
    assert user.password not in page
    assert user.password.split("$")[-1] not in page


def test_an_operator_without_all_rights_gives_none_away(client):
    clerk = may(make_operator("clerk@example.org", is_superuser=False), "view_user", "change_user")
    user = make_member(make_org())
    client.force_login(clerk)
    fields = {"email": user.email, "name": "Renamed", "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    assert client.post(reverse("admin:orgs_user_change", args=[user.pk]), fields).status_code == 302
    user.refresh_from_db()
    assert (user.name, user.is_active, user.is_staff, user.is_superuser) == ("Renamed", True, False, False)


@pytest.mark.parametrize("view", ["orgs_user_change", "auth_user_password_change"])
def test_an_operator_without_all_rights_touches_no_operator(client, view):
    clerk = may(make_operator("clerk@example.org", is_superuser=False), "change_user")
    client.force_login(clerk)
    for user in (clerk, make_operator()):
        answer = client.post(reverse(f"admin:{view}", args=[user.pk]), {"email": "x@example.org", "name": "x"})
        assert answer.status_code == 403
        user.refresh_from_db()
        assert user.email != "x@example.org"


def test_what_an_operator_changes_about_an_account_is_in_the_audit_of_its_organizations(operator):
    org = make_org()
    user = make_member(org)
    address = user.email
    url = reverse("admin:orgs_user_change", args=[user.pk])
    operator.post(url, {"email": address, "name": "Moved"})
    entry = org.auditentrys.get(action="account.changed")
    assert (entry.before, entry.after) == ({"name": "", "is_active": True}, {"name": "Moved", "is_active": False})
    new = "a staple for the battery"
    fields = {"usable_password": "true", "password1": new, "password2": new}
    refused = {**fields, "password2": "another"}
    url = reverse("admin:auth_user_password_change", args=[user.pk])
    assert operator.post(url, refused).status_code == 200
    assert not org.auditentrys.filter(action="account.password_set").exists()
    assert operator.post(url, fields).status_code == 302
    entry = org.auditentrys.get(action="account.password_set")
    assert (entry.actor_name, entry.target_id) == ("operator@example.org", str(user.pk))
    assert new not in str(list(org.auditentrys.values()))


def test_what_would_let_an_operator_log_in_as_somebody_is_not_shown(operator):
    user = make_member(make_org())
    factor = Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "GEZDGNBV"})
    page = operator.get(reverse("admin:mfa_authenticator_change", args=[factor.pk])).content.decode()
    assert str(user) in page
    assert "GEZDGNBV" not in page
    shown = {model.__name__ for model in admin.site._registry}
    assert shown & {"OutstandingToken", "BlacklistedToken", "SocialToken", "SocialApp"} == set()


def client_may_log_in(email: str, password: str) -> bool:
    return Client().login(username=email, password=password)


@pytest.mark.parametrize("path", ["", "orgs/user/", "devices/devicekey/", "captures/capture/"])
def test_who_is_no_operator_does_not_enter(client, path):
    client.force_login(owner_of(make_org()))
    answer = client.get(f"/admin/{path}")
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/admin/login/")
