"""Suspended and resumed, retired and reinstated: what a camera may, and what it is told."""

import pytest
from django.test import Client

from devices.models import Command, Device
from devices.services.commands import queue_command
from devices.services.devices import TooManyDevices, add_device
from devices.services.lifecycle import (
    DeviceOutOfUse,
    reinstate_device,
    resume_device,
    retire_device,
    suspend_device,
)
from orgs.models import AuditEntry, Role
from tests.builders import logged_in, make_capture, make_device, make_jpeg, make_member, make_org, owner_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db
STEPS = {
    "suspend": suspend_device,
    "resume": resume_device,
    "retire": retire_device,
    "reinstate": reinstate_device,
}


def upload(key: str, **headers: str):
    headers = headers or {"X-API-Key": key}
    return Client().post("/v1/captures", make_jpeg(), content_type="image/jpeg", headers=headers)


def said(answer) -> tuple:
    body = answer.json()
    return answer.status_code, body.get("code"), body.get("retryable"), body.get("keep_local")


@pytest.mark.parametrize(
    ("step", "state", "code"),
    [("suspend", "suspended", "device_suspended"), ("retire", "retired", "device_retired")],
)
def test_a_camera_out_of_service_is_told_so_at_every_door_and_keeps_its_pictures(step, state, code):
    device, key = make_device()
    make_capture(device)
    STEPS[step](device=device, acting_user=None)
    assert device.state == state
    refused = (403, code, False, True)
    assert said(upload(key)) == refused
    assert said(upload(key, Authorization=f"Bearer {key}")) == refused
    for path in ("/v1/captures", f"/v1/devices/{device.pk}/config", f"/v1/devices/{device.pk}/commands"):
        assert said(Client().get(path, headers={"X-API-Key": key})) == refused, path
    assert device.captures.count() == 1


def test_back_in_service_it_delivers_with_the_same_key():
    device, key = make_device()
    for leave, back in (("suspend", "resume"), ("retire", "reinstate")):
        STEPS[leave](device=device, acting_user=None)
        STEPS[back](device=device, acting_user=None)
        assert device.state == "active"
        assert upload(key).status_code in (200, 201)


def test_each_step_is_in_the_audit_and_doing_it_again_changes_nothing():
    device, _ = make_device()
    user = owner_of(device.org)
    for step in ("resume", "reinstate", "suspend", "suspend", "resume", "resume", "retire", "retire", "reinstate"):
        STEPS[step](device=device, acting_user=user)
    entries = AuditEntry.unscoped.filter(device_id=device.pk, actor_id=user.pk).order_by("pk")
    assert [entry.action for entry in entries] == [
        "camera.suspended",
        "camera.resumed",
        "camera.retired",
        "camera.reinstated",
    ]


def test_a_camera_that_was_suspended_comes_back_from_retirement_active():
    device, key = make_device()
    for step in ("suspend", "retire", "reinstate"):
        STEPS[step](device=device, acting_user=None)
    assert (device.state, upload(key).status_code) == ("active", 201)


@pytest.mark.parametrize("step", ["suspend", "resume"])
def test_a_retired_camera_is_neither_suspended_nor_resumed(step):
    device, _ = make_device()
    retire_device(device=device, acting_user=None)
    with pytest.raises(DeviceOutOfUse, match="Reinstate it first"):
        STEPS[step](device=device, acting_user=None)
    assert Device.unscoped.get().state == "retired"


def test_retiring_frees_the_slot_and_reinstating_takes_one():
    org = make_org(device_limit=1)
    first, _ = make_device(org)
    suspend_device(device=first, acting_user=None)
    with pytest.raises(TooManyDevices):
        make_device(org)
    retire_device(device=first, acting_user=None)
    make_device(org)
    with pytest.raises(TooManyDevices):
        reinstate_device(device=first, acting_user=None)
    assert Device.unscoped.get(pk=first.pk).state == "retired"


@pytest.mark.django_db(transaction=True)
def test_a_new_camera_and_one_that_comes_back_do_not_both_take_the_last_place():
    org = make_org(device_limit=1)
    old, _ = make_device(org)
    retire_device(device=old, acting_user=None)
    takers = [
        lambda: reinstate_device(device=old, acting_user=None),
        lambda: add_device(org=org, name="New", acting_user=None),
    ]
    answers = at_once(lambda number: takers[number]())
    assert [type(answer) for answer in answers if isinstance(answer, Exception)] == [TooManyDevices]
    assert org.devices.in_service().count() == 1


def test_what_a_retired_camera_was_told_ends():
    device, _ = make_device()
    other, _ = make_device(device.org)
    for one in (device, other):
        queue_command(device=one, trigger_type="manual")
    retire_device(device=device, acting_user=None)
    assert dict(Command.unscoped.values_list("device", "status")) == {device.pk: "expired", other.pk: "queued"}
    assert Command.unscoped.get(device=device).closed_at == device.retired_at


# --- the pages


def test_each_step_asks_first(client):
    device, _ = make_device()
    client.force_login(owner_of(device.org))
    states = {"suspend": "suspended", "resume": "active", "retire": "retired", "reinstate": "active"}
    for step, state in states.items():
        url = f"/cameras/{device.pk}/service/{step}"
        assert f"{step.capitalize()} {device}?" in client.get(url).text
        before = Device.unscoped.get().state
        assert before != state
        settings = client.get(f"/cameras/{device.pk}/settings").text
        assert url in settings
        answer = client.post(url)
        assert (answer.status_code, answer["Location"]) == (302, f"/cameras/{device.pk}/settings")
        assert Device.unscoped.get().state == state
    assert client.get(f"/cameras/{device.pk}/service/explode").status_code == 404


def test_a_refusal_is_told_on_the_page(client):
    org = make_org(device_limit=1)
    device, _ = make_device(org)
    client.force_login(owner_of(org))
    retire_device(device=device, acting_user=None)
    make_device(org)
    answer = client.post(f"/cameras/{device.pk}/service/reinstate")
    assert (answer.status_code, "Your plan covers 1 camera." in answer.text) == (409, True)
    answer = client.post(f"/cameras/{device.pk}/service/suspend")
    assert (answer.status_code, "Reinstate it first" in answer.text) == (409, True)


def test_only_admins_of_the_organization_change_the_service():
    device, _ = make_device()
    url = f"/cameras/{device.pk}/service/retire"
    for role in (Role.VIEWER, Role.MEMBER):
        assert logged_in(make_member(device.org, role)).post(url).status_code == 403
    assert logged_in(owner_of(make_org())).post(url).status_code == 404
    assert Device.unscoped.get(pk=device.pk).state == "active"


def test_retired_cameras_are_shown_apart_and_not_counted_in_the_plan():
    org = make_org(device_limit=5)
    kept, _ = make_device(org, "Kept")
    gone, _ = make_device(org, "Gone")
    retire_device(device=gone, acting_user=None)
    owner = logged_in(owner_of(org))
    page = owner.get("/cameras")
    assert [device for device, *_ in page.context["cameras"]] == [kept]
    assert list(page.context["retired"]) == [gone]
    assert "Retired cameras (1)" in page.text
    assert owner.get("/organization/plan").context["plan"].cameras.used == 1
    assert owner.get(f"/cameras/{gone.pk}").status_code == 200
