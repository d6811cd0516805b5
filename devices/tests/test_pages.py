"""The pages that add cameras, rename them, and make and end their keys."""

import html
import logging
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client

from devices.models import Device, DeviceKeyUsage
from devices.services.keys import KeyRevoked, authenticate_device, issue_key
from orgs.models import Role
from tests.builders import logged_in, make_device, make_member, make_org, owner_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def org():
    return make_org()


@pytest.fixture
def owner(org) -> Client:
    return logged_in(owner_of(org))


def keys_in(answer) -> set[str]:
    return set(re.findall(r"vis_dev_[0-9A-Za-z]{10}_[0-9A-Za-z]{38}", answer.content.decode()))


def test_a_camera_is_added_and_its_key_shown_with_lines_to_copy(owner, org):
    answer = owner.post("/cameras/add", {"name": " Gate 2 "})
    device = org.devices.get()
    [key] = keys_in(answer)
    assert (answer.status_code, device.name) == (200, "Gate 2")
    assert authenticate_device(text=key, ip=None).device == device
    text = html.unescape(answer.content.decode())
    picture = 'curl --data-binary @picture.jpg -H "Content-Type: image/jpeg"'
    assert f'{picture} -H "Authorization: Bearer {key}" {settings.VISANT_URL}/v1/captures' in text
    assert f"visant-camera --url {settings.VISANT_URL} --key {key} --source" in text
    assert f"http://{device.pk}:{key}@testserver/v1/captures" in text


def test_a_server_below_a_path_is_named_with_it(owner, settings):
    settings.VISANT_URL = "https://example.org/visant"
    text = html.unescape(owner.post("/cameras/add", {"name": "Gate"}).content.decode())
    assert "@example.org/visant/v1/captures" in text
    assert " https://example.org/visant/v1/captures" in text


def test_a_key_is_shown_once_and_kept_nowhere(owner, org, caplog):
    caplog.set_level(logging.DEBUG)
    device, _ = make_device(org)
    for answer in (owner.post("/cameras/add", {"name": "Gate"}), owner.post(f"/cameras/{device.pk}/keys")):
        [key] = keys_in(answer)
        assert "no-store" in answer["Cache-Control"]
        assert "private" in answer["Cache-Control"]
        assert key not in caplog.text
        assert all(key not in str(session.get_decoded()) for session in Session.objects.all())
        for page in ("/cameras", f"/cameras/{device.pk}", f"/cameras/{device.pk}/settings", "/cameras/add"):
            assert keys_in(owner.get(page)) == set(), page
    assert device.keys.count() == 2


def test_a_name_that_is_taken_is_refused_and_not_lost(owner, org):
    make_device(org)
    taken = org.devices.get().name.upper()
    answer = owner.post("/cameras/add", {"name": taken})
    assert answer.status_code == 400
    text = answer.content.decode()
    assert "There is a camera of this name already." in text
    assert f'value="{taken}"' in text
    assert org.devices.count() == 1


def test_one_camera_more_than_the_plan_covers_is_refused(owner, org):
    type(org).objects.filter(pk=org.pk).update(device_limit=1)
    make_device(org)
    answer = owner.post("/cameras/add", {"name": "Another"})
    assert answer.status_code == 409
    assert b"Your plan covers 1 camera." in answer.content
    assert b'value="Another"' in answer.content
    assert org.devices.count() == 1


@pytest.mark.parametrize(
    ("name", "refusal"), [("  ", "This field is required."), ("x" * 201, "at most 200 characters")]
)
def test_a_name_that_is_none_is_refused(owner, org, name, refusal):
    answer = owner.post("/cameras/add", {"name": name})
    assert answer.status_code == 400
    assert refusal in answer.content.decode()
    assert not org.devices.exists()


def test_a_camera_is_renamed(owner, org):
    device, _ = make_device(org)
    other, _ = make_device(org)
    assert owner.get(f"/cameras/{device.pk}/rename").context["form"]["name"].value() == device.name
    answer = owner.post(f"/cameras/{device.pk}/rename", {"name": "Yard"})
    assert (answer.status_code, answer["Location"]) == (302, f"/cameras/{device.pk}")
    assert Device.unscoped.get(pk=device.pk).name == "Yard"
    refused = owner.post(f"/cameras/{device.pk}/rename", {"name": other.name})
    assert refused.status_code == 400
    assert b"There is a camera of this name already." in refused.content
    assert Device.unscoped.get(pk=device.pk).name == "Yard"


def test_a_key_is_revoked_after_a_question(owner, org):
    device, text = make_device(org)
    url = f"/cameras/{device.pk}/keys/{device.keys.get().pk}/revoke"
    question = owner.get(url)
    assert b"Revoke this key?" in question.content
    assert device.keys.get().revoked_at is None
    assert owner.post(url)["Location"] == f"/cameras/{device.pk}/settings"
    with pytest.raises(KeyRevoked):
        authenticate_device(text=text, ip=None)


def test_another_organization_finds_nothing(org):
    device, _ = make_device(org)
    outsider, insider = logged_in(owner_of(make_org())), logged_in(owner_of(org))
    key = device.keys.get()
    revoke = f"/cameras/{device.pk}/keys/{key.pk}/revoke"
    for page in (revoke, f"/cameras/{device.pk}/rename"):
        assert insider.get(page).status_code == 200, page
        assert outsider.get(page).status_code == 404, page
    for action in (revoke, f"/cameras/{device.pk}/keys", f"/cameras/{device.pk}/rename"):
        assert outsider.post(action, {"name": "Mine"}).status_code == 404, action
    key.refresh_from_db()
    assert (key.revoked_at, device.keys.count(), org.devices.get().name) == (None, 1, device.name)


def test_a_key_is_reached_through_its_own_camera_only(owner, org):
    device, _ = make_device(org)
    other, _ = make_device(org)
    assert owner.post(f"/cameras/{other.pk}/keys/{device.keys.get().pk}/revoke").status_code == 404
    assert device.keys.get().revoked_at is None


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
def test_only_admins_change_cameras(org, role):
    device, _ = make_device(org)
    client = logged_in(make_member(org, role))
    paths = ["/cameras/add", *(f"/cameras/{device.pk}/{tail}" for tail in ("rename", "keys"))]
    for path in [*paths, f"/cameras/{device.pk}/keys/{device.keys.get().pk}/revoke"]:
        assert client.post(path, {"name": "Other"}).status_code == 403, path
    assert (org.devices.count(), device.keys.count(), device.keys.get().revoked_at) == (1, 1, None)
    assert b"/cameras/add" not in client.get("/cameras").content


def test_a_key_is_made_with_a_daily_quota(owner, org):
    device, _ = make_device(org)
    url = f"/cameras/{device.pk}/keys"
    [text] = keys_in(owner.post(url, {"daily_quota": "500"}))
    assert authenticate_device(text=text, ip=None).daily_quota == 500
    [free] = keys_in(owner.post(url, {"daily_quota": ""}))
    assert authenticate_device(text=free, ip=None).daily_quota is None
    for wrong in ("0", "many", "-1", "2147483648"):
        answer = owner.post(url, {"daily_quota": wrong})
        assert (answer.status_code, keys_in(answer)) == (400, set())
        assert f'value="{wrong}"' in answer.content.decode()
    assert device.keys.count() == 3


def test_the_page_of_a_camera_shows_what_its_keys_were_used_for(owner, org):
    device, _ = make_device(org)
    key, _ = issue_key(device=device, acting_user=None, daily_quota=500)
    today = datetime.now(UTC).date()
    for days, pictures in ((0, 3), (29, 40), (30, 500)):
        DeviceKeyUsage.unscoped.create(
            org=org,
            key=key,
            day=today - timedelta(days=days),
            requests=12,
            pictures=pictures,
            bytes=2048 * pictures,
        )
    words = " ".join(re.sub(r"<[^>]+>", " ", owner.get(f"/cameras/{device.pk}/settings").text).split())
    assert "Pictures today: 3 (6.0 KB) · In 30 days: 43 (86.0 KB) · Requests today: 12 of 500" in words
