"""The commands that operators begin with."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from devices.models import Device
from devices.services.keys import authenticate_device
from orgs.models import Membership, Organization, Role, User
from tests.builders import PASSWORD, make_org

pytestmark = pytest.mark.django_db
FOUND = ("create_organization", "--name", "Harbour", "--owner", "Ann@example.org")


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_an_organization_is_founded_and_its_slug_told():
    assert run(*FOUND) == "Harbour is founded; its slug is harbour.\n"
    membership = Membership.unscoped.get()
    assert (membership.org.time_zone, membership.role, membership.user.email) == (
        "UTC",
        Role.OWNER,
        "ann@example.org",
    )
    assert not membership.user.has_usable_password()


def test_programs_read_json():
    printed = json.loads(run(*FOUND, "--json", "--time-zone", "Europe/Zurich"))
    org = Organization.objects.get()
    assert (printed, org.time_zone) == ({"id": str(org.pk), "slug": "harbour"}, "Europe/Zurich")


def test_the_password_is_read_from_stdin(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\nand more"))
    assert PASSWORD not in run(*FOUND, "--password-stdin")
    assert User.objects.get().check_password(PASSWORD)


@pytest.mark.parametrize("typed", ["short\n", "\n", ""])
def test_a_weak_password_founds_nothing(monkeypatch, typed):
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    with pytest.raises(CommandError, match="at least 10 characters"):
        run(*FOUND, "--password-stdin")
    assert (Organization.objects.count(), User.objects.count()) == (0, 0)


def test_a_refusal_is_told_as_a_sentence():
    with pytest.raises(CommandError, match="'Mars' is not a time zone"):
        run(*FOUND, "--time-zone", "Mars")


def test_a_camera_is_added_and_its_key_told_once():
    org = make_org()
    lines = run("add_device", "--org", org.slug, "--name", " Gate ").splitlines()
    device = Device.unscoped.get()
    assert (device.org, device.name) == (org, "Gate")
    key = lines[2].split()[1]
    assert lines == ["Gate is added.", f"id   {device.pk}", f"key  {key}  (shown this once)"]
    assert authenticate_device(text=key, ip=None).device == device


def test_programs_read_the_camera_as_json():
    org = make_org()
    printed = json.loads(run("add_device", "--org", org.slug, "--name", "Gate", "--json"))
    assert set(printed) == {"id", "key"}
    assert printed["id"] == str(authenticate_device(text=printed["key"], ip=None).device_id)


def test_a_fleet_is_added_whole_or_not_at_all():
    org = make_org()
    lines = run("add_device", "--org", org.slug, "--name", "Fleet", "--count", "3", "--json").splitlines()
    printed = [json.loads(line) for line in lines]
    assert [str(authenticate_device(text=one["key"], ip=None).device_id) for one in printed] == [
        one["id"] for one in printed
    ]
    assert sorted(org.devices.values_list("name", flat=True)) == ["Fleet 1", "Fleet 2", "Fleet 3"]
    run("add_device", "--org", org.slug, "--name", "Yard 2")
    with pytest.raises(CommandError, match="There is a camera of this name already"):
        run("add_device", "--org", org.slug, "--name", "Yard", "--count", "3")
    assert org.devices.count() == 4
    with pytest.raises(CommandError, match="a whole number from 1 to 10000, not '0'"):
        run("add_device", "--org", org.slug, "--name", "Yard", "--count", "0")


@pytest.mark.parametrize(
    ("slug", "name", "sentence"),
    [
        ("nobody", "Gate", "There is no organization with the slug 'nobody'."),
        (None, "Taken", "There is a camera of this name already."),
        (None, "", "This field cannot be blank."),
    ],
)
def test_a_camera_is_refused_with_a_sentence(slug, name, sentence):
    org = make_org()
    run("add_device", "--org", org.slug, "--name", "taken")
    with pytest.raises(CommandError, match=sentence):
        run("add_device", "--org", slug or org.slug, "--name", name)
    assert org.devices.count() == 1
