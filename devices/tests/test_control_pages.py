"""The pages that ask a camera for a picture, and replace its keys; and the keys by the API."""

import json
import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.formats import date_format

from devices.models import DeviceKey
from devices.services.keys import KeyRevoked, authenticate_device, issue_key
from devices.services.rotation import rotate_key
from orgs.models import Role
from orgs.services.logins import log_in
from tests.builders import PASSWORD, logged_in, make_device, make_member, make_org, make_token, owner_of
from tests.problems import refused
from tests.queries import statements_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def org():
    return make_org()


@pytest.fixture
def owner(org) -> Client:
    return logged_in(owner_of(org))


@pytest.fixture
def camera(org):
    return make_device(org)


# --- a picture now


def test_a_member_asks_for_a_picture_on_the_cameras_page(org, camera):
    device, _ = camera
    member = logged_in(make_member(org))
    assert "Take a picture now" in member.get(f"/cameras/{device.pk}").text
    answer = member.post(f"/cameras/{device.pk}/trigger")
    command = device.commands.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/cameras/{device.pk}#told")
    assert (command.trigger_type, command.status, command.created_by is None) == ("manual", "queued", False)


def test_a_viewer_sees_no_button_and_is_refused(org, camera):
    device, _ = camera
    viewer = logged_in(make_member(org, Role.VIEWER))
    assert "Take a picture now" not in viewer.get(f"/cameras/{device.pk}").text
    assert viewer.post(f"/cameras/{device.pk}/trigger").status_code == 403
    assert not device.commands.exists()


def test_another_organization_asks_for_nothing(camera):
    stranger = logged_in(owner_of(make_org()))
    assert stranger.post(f"/cameras/{camera[0].pk}/trigger").status_code == 404
    assert not camera[0].commands.exists()


def test_a_suspended_camera_is_asked_for_nothing(owner, camera):
    device, _ = camera
    type(device).unscoped.update(suspended_at=timezone.now())
    assert "Take a picture now" not in owner.get(f"/cameras/{device.pk}").text
    answer = owner.post(f"/cameras/{device.pk}/trigger")
    assert answer.status_code == 409
    assert f"{device} is suspended. Resume it first." in answer.text
    assert not device.commands.exists()


def test_asked_too_often_the_page_says_when_it_may_be_again(owner, camera, settings):
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "trigger_device": "1/h"}
    answers = [owner.post(f"/cameras/{camera[0].pk}/trigger") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [302, 429]
    assert "Too often" in answers[1].text


# --- keys that end, and keys that are replaced


def test_a_key_is_made_with_a_last_day(org, owner, camera):
    device, _ = camera
    type(org).objects.update(time_zone="Europe/Vienna")
    day = (timezone.now() + timedelta(days=40)).date()
    answer = owner.post(f"/cameras/{device.pk}/keys", {"expires_at": day.isoformat()})
    key = device.keys.newest_first().first()
    assert answer.status_code == 200
    local = key.expires_at.astimezone(ZoneInfo("Europe/Vienna"))
    assert (local.date(), local.hour, local.minute) == (day + timedelta(days=1), 0, 0)
    assert f"Until {local:%-d %b %Y}" in owner.get(f"/cameras/{device.pk}/settings").text


def test_a_last_day_that_is_over_is_refused(owner, camera):
    device, _ = camera
    answer = owner.post(f"/cameras/{device.pk}/keys", {"expires_at": "2020-01-01"})
    assert answer.status_code == 400
    assert "A key must end in the future, or not at all." in answer.text
    assert device.keys.count() == 1


def test_a_key_is_replaced_on_a_page_that_tells_how_far_it_is(owner, camera):
    device, text = camera
    old = device.keys.get()
    url = f"/cameras/{device.pk}/keys/{old.pk}/rotate"
    question = owner.get(url)
    assert "Replace this key?" in question.text
    assert device.keys.count() == 1
    answer = owner.post(url, {"days": "10"})
    assert (answer.status_code, answer["Location"]) == (302, f"/cameras/{device.pk}/settings")
    page = owner.get(f"/cameras/{device.pk}/settings").text
    assert "Not fetched yet" in page
    assert "Until" in page
    new = device.keys.get(replaces=old)
    assert f"/keys/{new.pk}/rotate" not in page
    assert f"/keys/{old.pk}/rotate" not in page  # one waits for it
    fetched = Client().get(f"/v1/devices/{device.pk}/config", headers={"X-API-Key": text}).json()["key"]["text"]
    assert "not used yet" in owner.get(f"/cameras/{device.pk}/settings").text
    authenticate_device(text=fetched, ip=None)
    page = owner.get(f"/cameras/{device.pk}/settings").text
    assert "Waiting" not in page
    assert "Revoked" in page
    entries = owner.get("/organization/audit").text
    assert f"The camera {device} used its new key {new}, which ended the one before" in entries


def test_what_cannot_be_replaced_is_said_on_the_page(owner, camera):
    device, _ = camera
    url = f"/cameras/{device.pk}/keys/{device.keys.get().pk}/rotate"
    assert owner.post(url, {"days": "0"}).status_code == 400
    assert owner.post(url, {}).status_code == 400
    owner.post(url, {"days": "10"})
    again = owner.post(url, {"days": "10"})
    assert again.status_code == 409
    assert "A new key waits for the camera already." in again.text
    assert device.keys.count() == 2


def test_revoking_the_waiting_key_says_that_the_old_one_ends_as_before(owner, camera):
    device, _ = camera
    old = device.keys.get()
    ends = timezone.now() + timedelta(days=90)
    device.keys.update(expires_at=ends)
    owner.post(f"/cameras/{device.pk}/keys/{old.pk}/rotate", {"days": "10"})
    new, old = device.keys.get(replaces=old), device.keys.get(pk=old.pk)
    url = f"/cameras/{device.pk}/keys/{new.pk}/revoke"
    assert "It was to replace" in owner.get(url).text
    page = owner.post(url, follow=True).text
    assert f"The key {new} is revoked. The key {old} ends on {date_format(ends, 'j F Y')}" in page
    assert f"/keys/{old.pk}/rotate" in page


def test_revoking_a_key_says_which_end_with_it(owner, camera):
    device, _ = camera
    old = device.keys.get()
    owner.post(f"/cameras/{device.pk}/keys/{old.pk}/rotate", {"days": "10"})
    new = device.keys.get(replaces=old)
    url = f"/cameras/{device.pk}/keys/{old.pk}/revoke"
    assert f'may have fetched it: <span class="mono">{new}</span>.' in owner.get(url).text
    assert f"The key {old} is revoked, and {new} with it." in owner.post(url, follow=True).text
    assert not device.keys.filter(revoked_at=None).exists()


def test_keys_of_others_are_replaced_by_nobody(org, camera):
    device, _ = camera
    url = f"/cameras/{device.pk}/keys/{device.keys.get().pk}/rotate"
    assert logged_in(make_member(org)).post(url, {"days": "10"}).status_code == 403
    assert logged_in(owner_of(make_org())).post(url, {"days": "10"}).status_code == 404
    other, _ = make_device(org)
    elsewhere = f"/cameras/{other.pk}/keys/{device.keys.get().pk}/rotate"
    assert logged_in(owner_of(org)).post(elsewhere, {"days": "10"}).status_code == 404
    assert DeviceKey.unscoped.count() == 2


# --- the same by the API


def person(user) -> dict[str, str]:
    return {"Authorization": f"Bearer {log_in(email=user.email, password=PASSWORD).access}"}


def call(method: str, address: str, shown: dict[str, str], body: dict | None = None):
    sent = {} if body is None else {"data": json.dumps(body)}
    ask = getattr(Client(), method)
    return ask(f"/v1/devices/{address}", **sent, content_type="application/json", headers=shown)


def test_an_admin_lists_makes_replaces_and_revokes_keys(org, camera):
    device, text = camera
    first, shown = device.keys.get(), person(make_member(org, Role.ADMIN))
    made = call("post", f"{device.pk}/keys", shown, {"daily_quota": 9, "expires_at": "2999-01-01T00:00:00Z"})
    assert (made.status_code, made["Cache-Control"]) == (201, "no-store")
    assert authenticate_device(text=made.json()["key"], ip=None).daily_quota == 9
    rotated = call("post", f"{device.pk}/keys/{first.pk}/rotate", shown, {"days": 5})
    assert (rotated.status_code, rotated.json()["replaces"]) == (202, str(first.pk))
    assert (rotated.json()["waiting"], "key" in rotated.json()) == (True, False)
    listed = Client().get(f"/v1/devices/{device.pk}/keys", headers=shown).json()
    assert [row["state"] for row in listed["keys"]] == ["active"] * 3
    assert [row["waiting"] for row in listed["keys"]] == [True, False, False]
    assert not re.search(r"vis_dev_\w+_\w{30}", json.dumps(listed))
    assert call("delete", f"{device.pk}/keys/{first.pk}", shown).status_code == 204
    with pytest.raises(KeyRevoked):
        authenticate_device(text=text, ip=None)


def test_a_personal_token_reads_keys_and_changes_none(org, camera):
    device, _ = camera
    _, text = make_token(org.memberships.get(), access="write")
    shown, key = {"Authorization": f"Bearer {text}"}, device.keys.get()
    assert Client().get(f"/v1/devices/{device.pk}/keys", headers=shown).status_code == 200
    for method, address in (("post", "keys"), ("delete", f"keys/{key.pk}"), ("post", f"keys/{key.pk}/rotate")):
        assert refused(call(method, f"{device.pk}/{address}", shown))[:2] == (403, "login_needed")
    added = Client().post(
        "/v1/devices", json.dumps({"name": "Shed"}), content_type="application/json", headers=shown
    )
    assert refused(added)[:2] == (403, "login_needed")
    assert (device.keys.get().state, org.devices.count()) == ("active", 1)


def test_only_admins_see_keys(org, camera):
    device, key = camera
    answer = Client().get(f"/v1/devices/{device.pk}/keys", headers=person(make_member(org)))
    assert refused(answer)[:2] == (403, "role_too_small")
    assert Client().get(f"/v1/devices/{device.pk}/keys", headers={"X-API-Key": key}).status_code == 401


def test_keys_are_reached_through_their_own_camera_only(org, camera):
    device, _ = camera
    other, _ = make_device(org)
    shown, key = person(owner_of(org)), device.keys.get()
    for method, tail in (("delete", ""), ("post", "/rotate")):
        answer = call(method, f"{other.pk}/keys/{key.pk}{tail}", shown)
        assert refused(answer)[:2] == (404, "key_not_found")
        answer = call(method, f"{device.pk}/keys/{key.pk}{tail}", person(owner_of(make_org())))
        assert refused(answer)[:2] == (404, "device_not_found")
    assert (device.keys.get().state, other.keys.count()) == ("active", 1)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"expires_at": "2020-01-01T00:00:00Z"}, 400, "key_ends_in_the_past"),
        ({"daily_quota": 0}, 400, "invalid"),
        ({"name": "x"}, 400, "invalid"),
    ],
)
def test_a_key_that_cannot_be_is_refused(org, camera, body, status, code):
    answer = call("post", f"{camera[0].pk}/keys", person(owner_of(org)), body)
    assert refused(answer)[:2] == (status, code)
    assert camera[0].keys.count() == 1


def test_what_cannot_be_replaced_is_refused(org, camera):
    device, _ = camera
    shown, key = person(owner_of(org)), device.keys.get()
    address = f"{device.pk}/keys/{key.pk}/rotate"
    assert refused(call("post", address, shown, {"days": 366}))[:2] == (400, "invalid")
    assert call("post", address, shown).status_code == 202
    assert refused(call("post", address, shown))[:2] == (409, "rotation_waits")
    DeviceKey.unscoped.update(revoked_at=timezone.now())
    assert refused(call("post", address, shown))[:2] == (409, "key_not_active")


def test_a_list_of_keys_takes_as_many_queries_for_many_as_for_few(org, camera):
    device, _ = camera
    shown = person(owner_of(org))
    rotate_key(device=device, acting_user=None)
    address = f"/v1/devices/{device.pk}/keys"
    few = len(statements_of(lambda: Client().get(address, headers=shown)))
    for _ in range(4):
        issue_key(device=device, acting_user=None)
    assert len(statements_of(lambda: Client().get(address, headers=shown))) == few
