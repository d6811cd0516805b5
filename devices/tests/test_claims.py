"""Claiming a unit: who gets it, what its camera keeps, and how the unit comes to its key."""

from datetime import timedelta

import pytest
from django.utils import timezone

from devices.models import Device, DeviceKey, Installation, Unit, UnitState
from devices.services.claims import (
    AlreadyClaimed,
    ClaimCodeExpired,
    ClaimCodeRevoked,
    ClaimCodeUnknown,
    UnitHasItsKey,
    UnitUnknown,
    claim_camera,
    hand_out_key,
    replace_hardware,
)
from devices.services.devices import InvalidDevice, TooManyDevices
from devices.services.keys import (
    DeviceRetired,
    DeviceSuspended,
    KeyRevoked,
    authenticate_device,
    issue_key,
    revoke_key,
)
from devices.services.labels import Claim, Label
from devices.services.lifecycle import DeviceOutOfUse, retire_device, suspend_device
from devices.services.rotation import rotate_key
from devices.services.units import make_units, revoke_code
from orgs import scope
from orgs.access import OrganizationSuspended
from orgs.errors import TooManyRequests
from orgs.models import AuditEntry, Organization
from orgs.services.oversight import resume_organization, suspend_organization
from tests.builders import make_capture, make_definition, make_device, make_org, owner_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def org():
    return make_org()


@pytest.fixture
def label() -> Label:
    return make_label()


def make_label() -> Label:
    return make_units(model="Cam 2", count=1)[0]


def claim(org: Organization, label: Label, name: str = "Gate") -> Device:
    return claim_camera(org=org, claim=Claim(label.code), name=name, acting_user=owner_of(org))


def swap(device: Device, label: Label) -> Installation:
    return replace_hardware(device=device, claim=Claim(label.code), acting_user=owner_of(device.org))


def fetch(label: Label, **fields: str) -> str:
    handed_out = hand_out_key(serial=label.unit.serial, code=label.code, **fields)
    assert handed_out is not None
    return handed_out.key


def opens(key: str) -> bool:
    try:
        authenticate_device(text=key, ip=None)
    except KeyRevoked:
        return False
    return True


# --- an organization claims


def test_a_claimed_unit_is_a_new_camera_without_a_key_yet(org, label):
    device = claim(org, label, " Gate 2 ")
    assert (device.org, device.name, device.state, device.keys.count()) == (org, "Gate 2", "active", 0)
    installation = device.installations.get()
    assert (installation.unit, installation.key, installation.removed_at) == (label.unit, None, None)
    assert installation.installed_by == owner_of(org)
    assert Unit.objects.get().state == UnitState.CLAIMED
    entry = AuditEntry.unscoped.get(action="camera.claimed")
    assert (entry.org, entry.device_id, entry.after) == (
        org,
        device.pk,
        {"serial": label.unit.serial, "model": "Cam 2"},
    )


def test_a_code_that_is_not_there_is_unknown_so_is_one_of_another_serial(org, label):
    for wrong in (Claim("2222-2222-2222-2222"), Claim(label.code, serial="VS-22222222"), Claim(label.code[:-1])):
        with pytest.raises(ClaimCodeUnknown):
            claim_camera(org=org, claim=wrong, name="Gate", acting_user=owner_of(org))
    assert not org.devices.exists()


def test_an_expired_code_is_refused_until_the_moment_it_was_claimed_before(org, label):
    Unit.objects.update(code_expires_at=timezone.now() + timedelta(hours=1))
    claim(org, label)
    Unit.objects.update(code_expires_at=timezone.now())
    assert opens(fetch(label))  # claimed in time, fetched later
    late = make_label()
    Unit.objects.filter(pk=late.unit.pk).update(code_expires_at=timezone.now())
    with pytest.raises(ClaimCodeExpired, match="could be claimed until"):
        claim(org, late, "Late")
    with pytest.raises(ClaimCodeExpired):
        hand_out_key(serial=late.unit.serial, code=late.code)


def test_without_a_slot_or_with_a_name_that_is_taken_the_unit_stays_free(label):
    full = make_org(device_limit=0)
    with pytest.raises(TooManyDevices):
        claim(full, label)
    org = make_org()
    taken, _ = make_device(org)
    with pytest.raises(InvalidDevice):
        claim(org, label, taken.name)
    assert Unit.objects.get().state == UnitState.MANUFACTURED
    assert claim(org, label).installation.unit == label.unit


def test_what_another_organization_claimed_is_claimed_without_saying_by_whom(org, label):
    device = claim(org, label, "Secretive")
    stranger = make_org()
    with scope.within(stranger.pk), pytest.raises(AlreadyClaimed) as refusal:
        claim(stranger, label, "Mine")
    assert device.name not in str(refusal.value)
    assert org.name not in str(refusal.value)
    theirs, _ = make_device(stranger)
    with scope.within(stranger.pk), pytest.raises(AlreadyClaimed):
        swap(theirs, label)
    # Also when the camera it serves is retired: it moves only within its organization.
    retire_device(device=device, acting_user=None)
    with scope.within(stranger.pk), pytest.raises(AlreadyClaimed):
        swap(theirs, label)
    Device.unscoped.filter(pk=device.pk).update(retired_at=None)
    with pytest.raises(AlreadyClaimed, match="You have claimed this camera already: it serves Secretive"):
        swap(make_device(org)[0], label)


def test_the_hardware_of_a_retired_camera_moves_to_another_of_its_organization(org, label):
    first = claim(org, label, "First")
    key = fetch(label)
    retire_device(device=first, acting_user=None)
    second = claim(org, label, "Second")
    assert (first.installation, second.installation.unit) == (None, label.unit)
    assert first.keys.get().state == "revoked"
    new = fetch(label)
    assert authenticate_device(text=new, ip=None).device == second
    assert not opens(key)


@pytest.mark.django_db(transaction=True)
def test_of_two_organizations_that_claim_at_once_one_wins(label):
    rivals = [make_org(), make_org()]
    answers = at_once(lambda number: claim(rivals[number], label))
    assert sorted(type(answer) for answer in answers if isinstance(answer, Exception)) == [AlreadyClaimed]
    assert (Device.unscoped.count(), Installation.unscoped.count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_of_two_cameras_that_claim_a_unit_at_once_one_gets_it(org, label):
    devices = [make_device(org)[0] for _ in range(2)]
    answers = at_once(lambda number: swap(devices[number], label))
    assert [type(answer) for answer in answers if isinstance(answer, Exception)] == [AlreadyClaimed]
    assert Installation.unscoped.filter(removed_at=None).count() == 1


def test_guessing_codes_is_limited_and_a_good_one_always_opens(org, label, settings):
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "claim_account": "2/h"}
    wrong = Claim("2222-2222-2222-2222")
    kinds = []
    for _ in range(3):
        with pytest.raises((ClaimCodeUnknown, TooManyRequests)) as refusal:
            claim_camera(org=org, claim=wrong, name="Gate", acting_user=owner_of(org))
        kinds.append(refusal.type)
    assert kinds == [ClaimCodeUnknown, ClaimCodeUnknown, TooManyRequests]
    assert claim(org, label).pk


# --- new hardware for a camera that is there


def test_new_hardware_keeps_all_but_the_old_units_keys(org, label):
    device = claim(org, label)
    old = fetch(label)
    by_hand = issue_key(device=device, acting_user=None)[1]
    capture, definition = make_capture(device), make_definition(device)
    new = make_label()
    swap(device, new)
    assert not opens(old)
    assert opens(by_hand)
    assert authenticate_device(text=fetch(new), ip=None).device == device
    assert (list(device.captures.all()), list(device.definitions.all())) == ([capture], [definition])
    states = dict(Unit.objects.values_list("pk", "state"))
    assert states == {label.unit.pk: "retired", new.unit.pk: "claimed"}
    removed, current = device.installations.order_by("pk")
    assert (removed.unit, removed.removed_at is None) == (label.unit, False)
    assert (current.unit, current.removed_at) == (new.unit, None)
    entry = AuditEntry.unscoped.get(action="camera.hardware_changed")
    assert (entry.before, entry.after) == ({"serial": label.unit.serial}, {"serial": new.unit.serial})


def test_the_key_that_replaced_the_old_units_key_ends_with_it(org, label):
    device = claim(org, label)
    authenticate_device(text=fetch(label), ip=None)
    successor = rotate_key(device=device, acting_user=None)
    swap(device, make_label())
    successor.refresh_from_db()
    assert successor.state == "revoked"


def test_a_camera_added_by_hand_gets_hardware(org, label):
    device, key = make_device(org)
    swap(device, label)
    assert device.installation.unit == label.unit
    assert opens(key)
    assert AuditEntry.unscoped.get(action="camera.hardware_changed").before == {"serial": None}


def test_a_camera_that_is_retired_gets_none(org, label):
    device, _ = make_device(org)
    stale = Device.unscoped.get(pk=device.pk)
    retire_device(device=device, acting_user=None)
    with pytest.raises(DeviceOutOfUse):
        swap(stale, label)
    assert Unit.objects.get().state == UnitState.MANUFACTURED


def test_the_same_unit_claimed_again_fetches_a_new_key(org, label):
    device = claim(org, label)
    old = fetch(label)
    authenticate_device(text=old, ip=None)
    with pytest.raises(UnitHasItsKey):
        fetch(label)
    swap(device, label)
    assert not opens(old)
    assert device.installations.count() == 1
    assert opens(fetch(label))
    assert AuditEntry.unscoped.filter(action="camera.hardware_reset", device_id=device.pk).count() == 1
    revoke_code(unit=label.unit)
    with pytest.raises(ClaimCodeRevoked):
        swap(device, label)


# --- the unit fetches its key


def test_a_unit_waits_until_it_is_claimed_and_tells_of_itself(org, label):
    assert hand_out_key(serial=label.unit.serial, code=label.code, model="Cam 2b", version="1.4") is None
    assert hand_out_key(serial=label.unit.serial.lower(), code=label.code.lower()) is None
    unit = Unit.objects.get()
    assert (unit.reported_model, unit.version, unit.state) == ("Cam 2b", "1.4", "manufactured")
    device = claim(org, label)
    handed_out = hand_out_key(serial=label.unit.serial, code=label.code, version="1.5")
    assert handed_out.device == device
    key = authenticate_device(text=handed_out.key, ip=None)
    assert (key.device, device.installations.get().key) == (device, key)
    assert Unit.objects.get().version == "1.5"


def test_what_a_refused_unit_tells_of_itself_is_not_kept(org, label):
    told = {"model": "Another", "version": "6.6"}
    revoke_code(unit=label.unit)
    with pytest.raises(ClaimCodeRevoked):
        fetch(label, **told)
    served = make_label()
    device = claim(org, served)
    authenticate_device(text=fetch(served), ip=None)
    with pytest.raises(UnitHasItsKey):
        fetch(served, **told)
    suspend_device(device=device, acting_user=None)
    with pytest.raises(DeviceSuspended):
        fetch(served, **told)
    assert set(Unit.objects.values_list("model", "version")) == {("Cam 2", "")}


def test_a_key_whose_answer_was_lost_is_replaced_and_ends(org, label):
    device = claim(org, label)
    first, second = fetch(label), fetch(label)
    assert (opens(first), opens(second)) == (False, True)
    assert device.keys.count() == 2
    with pytest.raises(UnitHasItsKey, match="claim it once more"):
        fetch(label)


def test_asking_for_keys_without_using_one_is_limited_but_the_first_is_always_given(org, label, settings):
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "claim_unit": "2/h"}
    device = claim(org, label)
    keys = [fetch(label) for _ in range(3)]
    entries = AuditEntry.unscoped.count()
    for _ in range(2):
        with pytest.raises(TooManyRequests):
            fetch(label)
    assert (device.keys.count(), AuditEntry.unscoped.count()) == (3, entries)
    assert [opens(key) for key in keys] == [False, False, True]
    other = make_label()
    claim(org, other, "Yard")
    assert opens(fetch(other))
    swap(device, label)  # claimed once more it begins anew, as after a reset
    assert opens(fetch(label))


def test_a_key_that_was_revoked_is_not_replaced_by_asking_again(org, label):
    device = claim(org, label)
    fetch(label)
    revoke_key(key=device.keys.get(), acting_user=None)
    with pytest.raises(UnitHasItsKey):
        fetch(label)
    assert device.keys.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_keys_asked_for_at_once_one_is_left(org, label):
    device = claim(org, label)
    answers = at_once(lambda number: fetch(label), count=3)
    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    assert sorted(key.state for key in device.keys.all()) == ["active", "revoked", "revoked"]
    assert device.installations.get().key.state == "active"
    assert [opens(key) for key in answers].count(True) == 1


def test_a_wrong_serial_and_a_wrong_code_are_one_answer_and_limited(org, label, settings):
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "claim_account": "2/h"}
    claim(org, label)
    told = set()
    for serial, code in (("VS-22222222", label.code), (label.unit.serial, "2222-2222-2222-2222")):
        with pytest.raises(UnitUnknown) as refusal:
            hand_out_key(serial=serial, code=code)
        told.add(str(refusal.value))
    assert len(told) == 1
    with pytest.raises(UnitUnknown):
        hand_out_key(serial=label.unit.serial, code="x")
    with pytest.raises(TooManyRequests):
        hand_out_key(serial=label.unit.serial, code="x")
    assert opens(fetch(label))


def test_a_unit_of_a_camera_out_of_service_gets_no_key(org, label):
    device = claim(org, label)
    suspend_device(device=device, acting_user=None)
    with pytest.raises(DeviceSuspended):
        fetch(label)
    retire_device(device=device, acting_user=None)
    with pytest.raises(DeviceRetired):
        fetch(label)
    assert not DeviceKey.unscoped.exists()


def test_a_unit_of_a_suspended_organization_gets_its_key_when_that_goes_on(org, label):
    device = claim(org, label)
    suspend_organization(org=org, reason="unpaid", acting_user=None)
    with pytest.raises(OrganizationSuspended):
        fetch(label)
    assert not device.keys.exists()
    resume_organization(org=org, acting_user=None)
    assert opens(fetch(label))
