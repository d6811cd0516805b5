"""Cameras and their keys: names, limits, revoking."""

from datetime import timedelta

import pytest
from django.utils import timezone

from devices.models import Device, DeviceKey, DeviceStatus
from devices.services.devices import InvalidDevice, TooManyDevices, add_device, rename_device
from devices.services.keys import InvalidQuota, KeyRevoked, authenticate_device, issue_key, revoke_key
from orgs.models import Organization
from tests.builders import make_device, make_org
from tests.threads import at_once

pytestmark = pytest.mark.django_db


def test_a_camera_is_added_with_its_status_and_its_first_key():
    org = make_org()
    device, text = add_device(org=org, name="  Gate 2 ", acting_user=None)
    device.refresh_from_db()
    assert (device.org, device.name) == (org, "Gate 2")
    assert DeviceStatus.unscoped.values().get() == {
        "device_id": device.pk,
        "org_id": org.pk,
        "last_seen_at": None,
        "last_seen_from": None,
        "version": "",
        "seen_since": None,
        "listened_at": None,
        "health": {},
        "heartbeat_at": None,
        "reported_configuration": {},
        "fetched_version": None,
        "reported_version": None,
        "reported_at": None,
        "differs_since": {},
        "delivery": "unplanned",
        "delivery_since": None,
        "delivery_checked_at": None,
        "last_received_at": None,
        "usable": None,
        "usable_seen_at": None,
        "usable_since": None,
        "usable_reason": "",
    }
    key = device.keys.get()
    assert (key.org, key.state, key.expires_at, key.last_used_at) == (org, "active", None, None)
    assert text.startswith(f"vis_dev_{key.prefix}_")
    assert authenticate_device(text=text, ip="192.0.2.1") == key


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "Name: This field cannot be blank."),
        ("   ", "Name: This field cannot be blank."),
        ("x" * 201, "at most 200 characters"),
        ("GATE 2", "^There is a camera of this name already."),
    ],
)
def test_a_name_is_refused_and_nothing_is_left_behind(name, sentence):
    org = make_org()
    add_device(org=org, name="Gate 2", acting_user=None)
    second, _ = add_device(org=org, name="Yard", acting_user=None)
    with pytest.raises(InvalidDevice, match=sentence):
        add_device(org=org, name=name, acting_user=None)
    with pytest.raises(InvalidDevice, match=sentence):
        rename_device(device=second, name=name, acting_user=None)
    assert second.name == "Yard"
    assert set(org.devices.values_list("name", flat=True)) == {"Gate 2", "Yard"}
    assert (DeviceKey.unscoped.count(), DeviceStatus.unscoped.count()) == (2, 2)


def test_two_organizations_may_use_one_name():
    for _ in range(2):
        add_device(org=make_org(), name="Gate", acting_user=None)
    assert Device.unscoped.filter(name="Gate").count() == 2


def test_a_camera_is_renamed_also_to_its_own_name_in_other_letters():
    device, _ = add_device(org=make_org(), name="gate", acting_user=None)
    rename_device(device=device, name=" Gate ", acting_user=None)
    assert device.name == "Gate"
    device.refresh_from_db()
    assert device.name == "Gate"


@pytest.mark.parametrize(("limit", "words"), [(0, "0 cameras"), (1, "1 camera"), (2, "2 cameras")])
def test_no_more_cameras_than_the_limit_are_added(limit, words):
    org = make_org(device_limit=limit)
    for number in range(limit):
        add_device(org=org, name=f"Gate {number}", acting_user=None)
    with pytest.raises(TooManyDevices, match=f"Your plan covers {words}. An owner can redeem"):
        add_device(org=org, name="One more", acting_user=None)
    assert org.devices.count() == limit


def test_the_limit_that_counts_is_the_one_in_the_database():
    org = make_org()
    Organization.objects.filter(pk=org.pk).update(device_limit=0)
    with pytest.raises(TooManyDevices):
        add_device(org=org, name="Gate", acting_user=None)


def test_a_limit_of_one_organization_is_none_of_anothers():
    full = make_org(device_limit=1)
    make_device(full)
    assert make_device(make_org(device_limit=1))[0].pk


@pytest.mark.django_db(transaction=True)
def test_two_requests_do_not_both_take_the_last_place():
    org = make_org(device_limit=3)
    make_device(org)
    make_device(org)
    answers = at_once(lambda number: add_device(org=org, name=f"Last {number}", acting_user=None))
    assert [type(answer) for answer in answers if isinstance(answer, Exception)] == [TooManyDevices]
    assert org.devices.count() == 3


@pytest.mark.django_db(transaction=True)
def test_two_cameras_do_not_both_take_a_name():
    org = make_org()
    devices = [make_device(org)[0] for _ in range(2)]
    answers = at_once(lambda number: rename_device(device=devices[number], name="Gate", acting_user=None))
    assert [type(answer) for answer in answers if answer] == [InvalidDevice]
    assert org.devices.filter(name="Gate").count() == 1


def test_a_camera_may_have_more_keys_and_one_is_revoked_alone():
    device, first = make_device()
    until = timezone.now() + timedelta(days=1)
    key, second = issue_key(device=device, expires_at=until, acting_user=None)
    key.refresh_from_db()
    assert (key.device, key.org, key.expires_at) == (device, device.org, until)
    assert key.digest not in second
    assert list(device.keys.newest_first()) == [key, authenticate_device(text=first, ip=None)]
    revoke_key(key=key, acting_user=None)
    assert key.state == "revoked"
    with pytest.raises(KeyRevoked):
        authenticate_device(text=second, ip=None)
    assert authenticate_device(text=first, ip=None).state == "active"


def test_revoking_again_keeps_the_first_moment():
    key = make_device()[0].keys.get()
    stale = DeviceKey.unscoped.get(pk=key.pk)
    revoke_key(key=key, acting_user=None)
    first = key.revoked_at
    revoke_key(key=stale, acting_user=None)
    assert stale.revoked_at == first


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, "active"),
        ({"expires_at": timedelta(hours=1)}, "active"),
        ({"expires_at": timedelta(0)}, "expired"),
        ({"revoked_at": timedelta(0)}, "revoked"),
        ({"expires_at": timedelta(0), "revoked_at": timedelta(0)}, "revoked"),
    ],
)
def test_a_keys_state_is_told_in_a_word(fields, state):
    now = timezone.now()
    assert DeviceKey(**{name: now + offset for name, offset in fields.items()}).state == state


@pytest.mark.parametrize(
    ("quota", "bound"), [(0, "greater than or equal to 1"), (2**31, "less than or equal to 2147483647")]
)
def test_a_quota_out_of_bounds_is_refused(quota, bound):
    device, _ = make_device()
    with pytest.raises(InvalidQuota, match=f"Requests a day: .*{bound}"):
        issue_key(device=device, acting_user=None, daily_quota=quota)
    assert device.keys.count() == 1
