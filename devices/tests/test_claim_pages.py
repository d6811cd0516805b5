"""The page where a camera is claimed, and what pages say of a camera's hardware."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from captures.models import Capture
from devices.models import DeviceStatus, Installation, Unit
from devices.services.claims import claim_camera, hand_out_key, replace_hardware
from devices.services.keys import authenticate_device
from devices.services.labels import Claim, Label
from devices.services.lifecycle import retire_device
from devices.services.units import make_units, revoke_code
from orgs.models import Role
from tests.builders import logged_in, make_capture, make_device, make_member, make_org, owner_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def org():
    return make_org()


@pytest.fixture
def owner(org) -> Client:
    return logged_in(owner_of(org))


@pytest.fixture
def label() -> Label:
    return make_units(model="Cam 2", count=1)[0]


def test_a_camera_is_claimed_by_a_typed_code(owner, org, label):
    assert 'href="/claim"' in owner.get("/cameras/add").text
    assert 'href="/claim"' in owner.get("/cameras").text
    answer = owner.post("/claim", {"code": label.code.lower().replace("-", " "), "name": "Gate", "camera": ""})
    device = org.devices.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/cameras/{device.pk}/settings")
    assert (device.name, device.installation.unit) == ("Gate", label.unit)
    page = owner.get(f"/cameras/{device.pk}/settings").text
    assert label.unit.serial in page
    assert "has not fetched its key yet" in page
    key = hand_out_key(serial=label.unit.serial, code=label.code).key
    assert "fetched its key, not used yet" in owner.get(f"/cameras/{device.pk}/settings").text
    authenticate_device(text=key, ip=None)
    assert "has its key" in owner.get(f"/cameras/{device.pk}/settings").text


def test_a_camera_that_is_there_gets_new_hardware_and_shows_both(owner, org, label):
    device, _ = make_device(org)
    assert f"/claim?camera={device.pk}" in owner.get(f"/cameras/{device.pk}/settings").text
    form = owner.get("/claim", {"camera": device.pk, "code": label.code}).context["form"]
    assert (form["camera"].value(), form["code"].value()) == (str(device.pk), label.code)
    [second] = make_units(model="Cam 3", count=1)
    for one in (label, second):
        assert owner.post("/claim", {"code": one.qr_text, "camera": device.pk}).status_code == 302
    page = owner.get(f"/cameras/{device.pk}/settings").text
    assert page.index(second.unit.serial) < page.index(label.unit.serial)
    assert page.count("Serves this camera") == 1


def test_the_version_is_the_one_it_runs_now_not_the_one_it_was_claimed_with(owner, org, label):
    device, _ = make_device(org)
    assert owner.post("/claim", {"code": label.qr_text, "camera": device.pk}).status_code == 302
    Unit.objects.filter(pk=label.unit.pk).update(version="claimed-1.0")
    DeviceStatus.unscoped.filter(device=device).update(version="runs-2.3")
    page = owner.get(f"/cameras/{device.pk}/settings").text
    assert ("runs-2.3" in page, "claimed-1.0" in page) == (True, False)


def test_a_code_in_the_address_is_kept_by_nobody_and_typed_already(owner, label):
    answer = owner.get("/claim", {"code": label.code})
    assert f'value="{label.code}"' in answer.text
    assert "no-store" in answer["Cache-Control"]


def test_each_refusal_is_told_on_the_form_and_nothing_typed_is_lost(owner, org, label):
    revoked, expired, theirs = make_units(model="Cam", count=3)
    revoke_code(unit=revoked.unit)
    Unit.objects.filter(pk=expired.unit.pk).update(code_expires_at=timezone.now())
    stranger = make_org()
    claim_camera(org=stranger, claim=Claim(theirs.code), name="Hidden", acting_user=owner_of(stranger))
    for code, status, sentence in (
        ("2222-2222-2222-2222", 400, "There is no camera with this code."),
        ("{}", 400, "not the whole text"),
        ('{"visant":2,"code":"A"}', 400, "newer Visant"),
        (revoked.code, 409, "This code was revoked."),
        (expired.code, 409, "could be claimed until"),
        (theirs.code, 409, "claimed already."),
    ):
        answer = owner.post("/claim", {"code": code, "name": "Gate"})
        assert (answer.status_code, sentence in answer.text) == (status, True), code
        assert 'value="Gate"' in answer.text
        assert "Hidden" not in answer.text
    answer = owner.post("/claim", {"code": label.code})
    assert (answer.status_code, "A new camera needs a name." in answer.text) == (400, True)
    type(org).objects.filter(pk=org.pk).update(device_limit=0)
    answer = owner.post("/claim", {"code": label.code, "name": "Gate"})
    assert (answer.status_code, "Your plan covers 0 cameras." in answer.text) == (409, True)
    assert not org.devices.exists()


def test_cameras_of_others_and_retired_ones_cannot_be_chosen(owner, org, label):
    theirs, _ = make_device(make_org())
    retired, _ = make_device(org)
    retire_device(device=retired, acting_user=None)
    for device in (theirs, retired):
        assert owner.post("/claim", {"code": label.code, "camera": device.pk}).status_code == 400
        assert str(device.pk) not in owner.get("/claim").text
    assert not Installation.unscoped.exists()


@pytest.mark.parametrize("role", [Role.VIEWER, Role.MEMBER])
def test_only_admins_claim(org, label, role):
    client = logged_in(make_member(org, role))
    assert client.post("/claim", {"code": label.code, "name": "Gate"}).status_code == 403
    assert "/claim" not in client.get("/cameras").text


def test_who_tries_codes_again_and_again_has_to_wait(owner, label, settings):
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "claim_account": "1/h"}
    wrong = {"code": "2222-2222-2222-2222", "name": "Gate"}
    assert [owner.post("/claim", wrong).status_code for _ in range(2)] == [400, 429]
    assert owner.post("/claim", {"code": label.code, "name": "Gate"}).status_code == 302


# --- the timeline


def test_the_timeline_of_a_camera_shows_between_which_pictures_its_hardware_changed(owner, org, label):
    device = claim_camera(org=org, claim=Claim(label.code), name="Gate", acting_user=owner_of(org))
    [second] = make_units(model="Cam 3", count=1)
    replace_hardware(device=device, claim=Claim(second.code), acting_user=owner_of(org))
    first_row, second_row = device.installations.order_by("pk")
    older, newer = make_capture(device), make_capture(device, minutes=60)
    for row, moment in ((first_row, older.captured_at - timedelta(days=1)), (second_row, older.captured_at)):
        Installation.unscoped.filter(pk=row.pk).update(installed_at=moment + timedelta(minutes=30))
    make_capture(make_device(org)[0])
    page = owner.get("/", {"camera": device.pk}).text
    places = [page.index(str(newer.pk)), page.index(second.unit.serial), page.index(str(older.pk))]
    assert places == sorted(places)
    assert label.unit.serial not in page  # before its first picture there is nothing to stand between
    assert second.unit.serial not in owner.get("/").text
    live = owner.get("/live", {"camera": device.pk})
    assert second.unit.serial in live.text
    Installation.unscoped.filter(pk=second_row.pk).delete()
    assert owner.get("/live", {"camera": device.pk}, headers={"if-none-match": live["ETag"]}).status_code == 200


def test_a_change_of_hardware_is_on_the_page_it_belongs_to(owner, org, monkeypatch):
    monkeypatch.setattr("captures.views.PAGE_SIZE", 1)
    device, _ = make_device(org)
    pictures = [make_capture(device, minutes=60 * hour) for hour in range(3)]
    [one] = make_units(model="Cam", count=1)
    row = replace_hardware(device=device, claim=Claim(one.code), acting_user=owner_of(org))
    moment = Capture.unscoped.get(pk=pictures[0].pk).captured_at + timedelta(minutes=30)
    Installation.unscoped.filter(pk=row.pk).update(installed_at=moment)
    seen, cursor = [], ""
    for _ in pictures:
        answer = owner.get("/", {"camera": device.pk, "cursor": cursor})
        seen.append(one.unit.serial in answer.text)
        cursor = answer.context["next_cursor"]
    assert seen == [False, False, True]
    day = pictures[0].captured_at.date().isoformat()
    Installation.unscoped.filter(pk=row.pk).update(installed_at=moment + timedelta(days=3))
    assert one.unit.serial not in owner.get("/", {"camera": device.pk, "day": day}).text
    assert one.unit.serial in owner.get("/", {"camera": device.pk}).text
