"""``/v1/devices``, ``/v1/devices/claim`` and ``/v1/units/claim`` through their doors."""

import json

import pytest
from django.test import Client

from devices.models import Device
from devices.services.claims import claim_camera
from devices.services.keys import authenticate_device
from devices.services.labels import Claim, Label
from devices.services.units import make_units
from orgs.models import Role
from orgs.services.logins import log_in
from tests.builders import PASSWORD, make_device, make_member, make_org, make_token, membership_of, owner_of
from tests.queries import statements_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def org():
    return make_org()


@pytest.fixture
def label() -> Label:
    return make_units(model="Cam 2", count=1)[0]


def headers_of(org, role: Role = Role.OWNER) -> dict[str, str]:
    user = owner_of(org) if role == Role.OWNER else make_member(org, role)
    return {"Authorization": f"Bearer {make_token(membership_of(org, user))[1]}"}


def logged_in_as(org, role: Role = Role.OWNER) -> dict[str, str]:
    """The same with an access token, as who logged in has it."""
    user = owner_of(org) if role == Role.OWNER else make_member(org, role)
    return {"Authorization": f"Bearer {log_in(email=user.email, password=PASSWORD).access}"}


def send(method: str, path: str, body: object = None, headers: dict[str, str] | None = None):
    data = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
    return getattr(Client(), method)(f"/v1{path}", headers=headers or {}, **data)


def ask(label: Label, **fields: str):
    return send("post", "/units/claim", {"serial": label.unit.serial, "code": label.code, **fields})


def test_a_unit_is_claimed_by_its_code_and_fetches_its_key(org, label):
    waiting = ask(label, model="Cam 2", version="1.0", colour="grey")
    assert (waiting.status_code, waiting["Retry-After"], waiting.json()) == (
        202,
        "30",
        {"status": "unclaimed", "retry_after_seconds": 30},
    )
    answer = send("post", "/devices/claim", {"code": label.code, "name": "Gate"}, headers_of(org))
    device = org.devices.get()
    told = answer.json()
    assert (answer.status_code, told.pop("condition")["state"]) == (201, "unknown")
    assert told == {
        "id": str(device.pk),
        "name": "Gate",
        "state": "active",
        "time_zone": "",
        "time_zone_note": "",
        "hardware": {
            "serial": label.unit.serial,
            "model": "Cam 2",
            "since": device.installation.installed_at.isoformat().replace("+00:00", "Z"),
        },
        "created_at": device.created_at.isoformat().replace("+00:00", "Z"),
        "last_seen_at": None,
    }
    fetched = ask(label)
    body = fetched.json()
    assert (fetched.status_code, "no-store" in fetched["Cache-Control"]) == (200, True)
    assert (set(body), body["device_id"], body["name"]) == (
        {"device_id", "key", "name"},
        str(device.pk),
        "Gate",
    )
    assert authenticate_device(text=body["key"], ip=None).device == device
    again = ask(label)
    assert (again.status_code, again.json()["code"]) == (409, "unit_has_its_key")
    unknown = send("post", "/units/claim", {"serial": label.unit.serial, "code": "2222"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unit_unknown")


def test_a_unit_is_claimed_by_the_text_of_its_qr_code_for_a_camera_that_is_there(org, label):
    device, _ = make_device(org)
    body = {"qr": label.qr_text, "device_id": str(device.pk)}
    answer = send("post", "/devices/claim", body, headers_of(org))
    assert (answer.status_code, answer.json()["id"]) == (201, str(device.pk))
    assert answer.json()["hardware"]["serial"] == label.unit.serial


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"code": "2222-2222-2222-2222"}, 400, "claim_code_unknown"),
        ({"serial": "VS-22222222"}, 400, "claim_code_unknown"),
        ({"code": " {} "}, 400, "label_unreadable"),
        ({"code": '{"visant":2,"code":"A"}'}, 400, "label_too_new"),
        ({"name": ""}, 400, "invalid"),
        ({"colour": "grey"}, 400, "invalid"),
        ({"device_id": "01890000-0000-7000-8000-000000000000"}, 400, "invalid"),
        ({"qr": "{}"}, 400, "invalid"),
    ],
)
def test_a_claim_that_is_none_is_refused_with_its_code(org, label, change, status, code):
    body = {"code": label.code, "name": "Gate", **change}
    answer = send("post", "/devices/claim", body, headers_of(org))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not org.devices.exists()


def test_already_claimed_and_no_slot_are_told_apart(org, label):
    claim_camera(org=org, claim=Claim(label.code), name="Gate", acting_user=owner_of(org))
    stranger = make_org(device_limit=0)
    answer = send("post", "/devices/claim", {"code": label.code, "name": "Mine"}, headers_of(stranger))
    assert (answer.status_code, answer.json()["code"]) == (409, "already_claimed")
    assert "Gate" not in answer.text
    [free] = make_units(model="Cam", count=1)
    answer = send("post", "/devices/claim", {"code": free.code, "name": "Mine"}, headers_of(stranger))
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_devices")


def test_another_organizations_camera_gets_no_hardware(org, label):
    theirs, _ = make_device(org)
    body = {"code": label.code, "device_id": str(theirs.pk)}
    answer = send("post", "/devices/claim", body, headers_of(make_org()))
    assert (answer.status_code, answer.json()["code"]) == (404, "device_not_found")
    assert theirs.installation is None


def test_a_camera_is_added_changed_and_taken_through_its_service(org):
    shown = logged_in_as(org)
    answer = send("post", "/devices", {"name": "Gate"}, shown)
    body = answer.json()
    assert (answer.status_code, "no-store" in answer["Cache-Control"]) == (201, True)
    device = authenticate_device(text=body.pop("key"), ip=None).device
    path = f"/devices/{device.pk}"
    told = send("get", path, headers=shown).json()
    assert (told["id"], told["name"], told["state"]) == (body["id"], "Gate", "active")
    changed = send("patch", path, {"name": "Yard", "time_zone": "Europe/Vienna"}, shown).json()
    assert (changed["name"], changed["time_zone"], changed["hardware"]) == ("Yard", "Europe/Vienna", None)
    assert send("patch", path, {"time_zone": ""}, shown).json()["time_zone"] == ""
    for step, state in (
        ("suspend", "suspended"),
        ("resume", "active"),
        ("retire", "retired"),
        ("reinstate", "active"),
    ):
        answer = send("post", f"{path}/{step}", headers=shown)
        assert (answer.status_code, answer.json()["state"]) == (200, state)
    assert send("delete", path, headers=shown).status_code == 204
    assert send("get", path, headers=shown).json()["state"] == "retired"
    refused = send("post", f"{path}/suspend", headers=shown)
    assert (refused.status_code, refused.json()["code"]) == (409, "device_is_retired")


def test_a_change_of_two_fields_is_one_or_none(org):
    device, _ = make_device(org)
    answer = send(
        "patch", f"/devices/{device.pk}", {"name": "New", "time_zone": "Mars/Olympus"}, logged_in_as(org)
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_configuration")
    assert Device.unscoped.get().name == device.name


def test_a_personal_token_adds_no_camera_whose_key_would_outlive_it(org):
    answer = send("post", "/devices", {"name": "Gate"}, headers_of(org))
    assert (answer.status_code, answer.json()["code"]) == (403, "login_needed")
    assert not org.devices.exists()


@pytest.mark.parametrize("role", [Role.VIEWER, Role.MEMBER])
def test_only_admins_add_claim_and_change(org, label, role):
    device, _ = make_device(org)
    shown = logged_in_as(org, role)
    path = f"/devices/{device.pk}"
    doors = [("post", "/devices"), ("post", "/devices/claim"), ("patch", path), ("delete", path)]
    doors += [("post", f"{path}/{step}") for step in ("suspend", "resume", "retire", "reinstate")]
    for method, door in doors:
        answer = send(method, door, {"name": "X", "code": label.code}, shown)
        assert (answer.status_code, answer.json()["code"]) == (403, "role_too_small"), door
    assert (org.devices.get().name, org.devices.get().state) == (device.name, "active")


def test_the_list_takes_as_many_queries_for_many_cameras_as_for_few(org):
    shown = headers_of(org)

    def claimed(count: int) -> None:
        for label in make_units(model="Cam", count=count):
            name = label.unit.serial
            claim_camera(org=org, claim=Claim(label.code), name=name, acting_user=owner_of(org))

    claimed(2)
    send("get", "/devices", headers=shown)
    few = len(statements_of(lambda: send("get", "/devices", headers=shown)))
    claimed(4)
    listed = send("get", "/devices", headers=shown).json()["devices"]
    assert [row["hardware"]["serial"] == row["name"] for row in listed] == [True] * 6
    assert len(statements_of(lambda: send("get", "/devices", headers=shown))) == few
