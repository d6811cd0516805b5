"""Founding organizations and making accounts."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.core.management import CommandError, call_command

from orgs.models import Membership, Organization, Role, User
from orgs.services.accounts import sign_up
from orgs.services.organizations import InvalidOrganization, OwnerNotVerified, create_organization, free_slug
from orgs.services.users import InvalidUser, WeakPassword, create_user
from tests.builders import PASSWORD

pytestmark = pytest.mark.django_db


def test_an_organization_is_founded_with_its_owner():
    org = create_organization(
        name=" Harbour & Sons ",
        owner_email=" Ann@Example.org ",
        owner_password=PASSWORD,
        time_zone="Europe/Zurich",
    )
    org.refresh_from_db()
    assert (org.name, org.slug, org.time_zone) == ("Harbour & Sons", "harbour-sons", "Europe/Zurich")
    assert (org.device_limit, org.byte_limit, org.evaluation_limit, org.retention_days) == (None, None, None, None)
    membership = Membership.unscoped.get()
    owner = membership.user
    assert (membership.org, membership.role, owner.email) == (org, Role.OWNER, "ann@example.org")
    assert owner.check_password(PASSWORD)
    assert (owner.is_active, owner.is_staff, owner.is_superuser) == (True, False, False)


def test_an_owner_without_a_password_cannot_log_in():
    create_organization(name="Harbour", owner_email="ann@example.org")
    assert not User.objects.get().has_usable_password()


def test_an_owner_who_is_there_already_keeps_name_and_password():
    ann = create_user(email="ann@example.org", password=PASSWORD, name="Ann")
    org = create_organization(name="Harbour", owner_email="ANN@example.org", owner_password="something quite else")
    assert org.memberships.get().user == ann
    ann.refresh_from_db()
    assert ann.check_password(PASSWORD)
    assert (ann.name, User.objects.count()) == ("Ann", 1)


def test_somebody_who_only_says_whose_address_it_is_gets_no_organization():
    boss = sign_up(email="boss@example.org", password=PASSWORD, name="Boss")
    with pytest.raises(OwnerNotVerified, match="account_link --verify"):
        create_organization(name="Harbour", owner_email="Boss@example.org")
    with pytest.raises(CommandError, match="not verified"):
        call_command("create_organization", "--name", "Harbour", "--owner", boss.email)
    assert not Organization.objects.filter(name="Harbour").exists()
    EmailAddress.objects.update(verified=True)
    assert create_organization(name="Harbour", owner_email=boss.email).memberships.get().user == boss


def test_a_link_to_a_new_password_casts_no_doubt_on_an_account_that_an_operator_made():
    create_organization(name="Harbour", owner_email="ann@example.org")
    call_command("account_link", "ann@example.org", "--reset")
    call_command("create_organization", "--name", "Yard", "--owner", "ann@example.org")
    assert Membership.unscoped.filter(user__email="ann@example.org", role=Role.OWNER).count() == 2


@pytest.mark.parametrize(
    ("fields", "refusal", "sentence"),
    [
        ({"name": "  "}, InvalidOrganization, "Name: This field cannot be blank."),
        ({"name": "x" * 201}, InvalidOrganization, "Name: Ensure this value has at most 200 characters"),
        ({"time_zone": "Mars/Olympus"}, InvalidOrganization, "'Mars/Olympus' is not a time zone"),
        ({"owner_email": "nobody"}, InvalidUser, "E-mail address: Enter a valid email address."),
        ({"owner_password": "short"}, WeakPassword, "at least 10 characters"),
    ],
)
def test_an_organization_is_refused_whole(fields, refusal, sentence):
    given = {"name": "Harbour", "owner_email": "ann@example.org", "owner_password": PASSWORD, **fields}
    with pytest.raises(refusal, match=re.escape(sentence)):
        create_organization(**given)
    assert (Organization.objects.count(), User.objects.count(), Membership.unscoped.count()) == (0, 0, 0)


def test_an_account_is_made_in_lower_case():
    user = create_user(email=" Bob@Example.ORG", password=PASSWORD, name="Bob")
    user.refresh_from_db()
    assert (user.email, user.name, str(user)) == ("bob@example.org", "Bob", "Bob")
    assert user.check_password(PASSWORD)


@pytest.mark.parametrize(
    ("fields", "refusal", "sentence"),
    [
        ({"email": ""}, InvalidUser, "E-mail address: This field cannot be blank."),
        ({"email": "nobody"}, InvalidUser, "E-mail address: Enter a valid email address."),
        ({"email": "ANN@example.org"}, InvalidUser, "An account with this address exists already."),
        ({"password": "short"}, WeakPassword, "at least 10 characters"),
        ({"password": "password1234"}, WeakPassword, "too common"),
        ({"password": "123456789012"}, WeakPassword, "entirely numeric"),
        ({"password": "bob@example.org"}, WeakPassword, "too similar"),
        ({"password": ""}, WeakPassword, "at least 10 characters"),
    ],
)
def test_an_account_is_refused_with_a_sentence(fields, refusal, sentence):
    create_user(email="ann@example.org")
    with pytest.raises(refusal, match=re.escape(sentence)):
        create_user(**{"email": "bob@example.org", "password": PASSWORD, **fields})
    assert list(User.objects.values_list("email", flat=True)) == ["ann@example.org"]


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Harbour & Sons", "harbour-sons"),
        ("Zürich Süd", "zurich-sud"),
        ("海港", "organization"),
        ("-- --", "organization"),
        ("x" * 80, "x" * 50),
        ("x" * 49 + " y", "x" * 49),
    ],
)
def test_a_slug_is_made_of_the_name(name, slug):
    assert free_slug(name) == slug


def test_organizations_of_one_name_get_slugs_of_their_own():
    slugs = [create_organization(name="x" * 60, owner_email="ann@example.org").slug for _ in range(3)]
    assert slugs[0] == "x" * 50
    assert len(set(slugs)) == 3
    for slug in slugs[1:]:
        assert re.fullmatch(r"x{50}-[0-9a-f]{6}", slug)
