"""Hardware: made with serials and codes, its codes renewed and revoked, taken out of service."""

import json
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from devices.models import Unit, UnitState
from devices.services.claims import (
    AlreadyClaimed,
    ClaimCodeRevoked,
    ClaimCodeUnknown,
    UnitRetired,
    claim_camera,
    hand_out_key,
)
from devices.services.keys import KeyRevoked, authenticate_device
from devices.services.labels import Claim, LabelTooNew, LabelUnreadable, read_label
from devices.services.units import InvalidUnits, UnitInUse, make_units, renew_code, retire_unit, revoke_code
from orgs.codes import ALPHABET
from orgs.keys import digest_of
from tests.builders import make_org, owner_of

pytestmark = pytest.mark.django_db


def make_label(**fields):
    return make_units(**{"model": "Cam 2", "count": 1, **fields})[0]


def claim(label, org=None, name="Gate"):
    org = org or make_org()
    return claim_camera(org=org, claim=Claim(label.code), name=name, acting_user=owner_of(org))


def test_units_have_a_serial_and_a_code_without_look_alikes_which_is_not_kept():
    labels = make_units(model="  Cam 2 ", count=20, code_days=30)
    assert len({label.unit.serial for label in labels}) == len({label.code for label in labels}) == 20
    for label in labels:
        unit = Unit.objects.get(pk=label.unit.pk)
        assert re.fullmatch(rf"VS-[{ALPHABET}]{{8}}", unit.serial)
        assert re.fullmatch(rf"[{ALPHABET}]{{4}}(-[{ALPHABET}]{{4}}){{3}}", label.code)
        assert (unit.model, unit.state, unit.code_revoked_at) == ("Cam 2", "manufactured", None)
        left = unit.code_expires_at - timezone.now()
        assert timedelta(days=29, hours=23) < left <= timedelta(days=30)
        kept = json.dumps(list(Unit.objects.filter(pk=unit.pk).values()), default=str)
        assert label.code not in kept
        assert label.code.replace("-", "") not in kept


def test_a_code_may_be_without_an_end():
    assert make_label(code_days=None).unit.code_expires_at is None


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"model": " "}, "A model has a name"),
        ({"model": "x" * 101}, "at most 100 characters"),
        ({"count": 0}, "At least one unit"),
        ({"count": 1001}, "at most 1,000"),
        ({"code_days": 0}, "at least a day"),
        ({"code_days": 3651}, "at most 3,650 days"),
    ],
)
def test_units_out_of_bounds_are_not_made(fields, sentence):
    with pytest.raises(InvalidUnits, match=sentence):
        make_label(**fields)
    assert not Unit.objects.exists()


def test_the_qr_code_says_where_what_and_which(settings):
    settings.VISANT_URL = "https://visant.example.org"
    label = make_label()
    assert json.loads(label.qr_text) == {
        "visant": 1,
        "url": "https://visant.example.org",
        "serial": label.unit.serial,
        "code": label.code,
    }


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("ABCD-EFGH", Claim("ABCD-EFGH")),
        ("  abcd efgh\n", Claim("abcd efgh")),
        ('{"visant":1,"url":"https://x","serial":"VS-1","code":"ABCD"}', Claim("ABCD", "VS-1")),
        ('{"visant":1,"code":"ABCD","more":[]}', Claim("ABCD")),
        ("https://visant.example.org/claim?code=ABCD-EFGH", Claim("ABCD-EFGH")),
    ],
)
def test_a_label_is_read_however_it_is_shown(text, read):
    assert read_label(text) == read


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        '{"visant":1}',
        '{"visant":"1","code":"A"}',
        '{"visant":1,"code":5}',
        '{"visant":1,"code":"A","serial":5}',
        '{"visant":1,"code":" "}',
        "https://visant.example.org/claim",
        "http://[",
        " ",
        '{"a":' * 100_000,
    ],
)
def test_what_is_no_label_is_refused(text):
    with pytest.raises(LabelUnreadable):
        read_label(text)


def test_a_label_of_a_later_version_is_refused():
    with pytest.raises(LabelTooNew, match="newer Visant"):
        read_label('{"visant":2,"code":"ABCD"}')


@pytest.mark.parametrize("typed", [str.lower, lambda code: code.replace("-", ""), lambda code: f" {code} "])
def test_a_code_is_found_however_it_is_typed_and_under_every_pepper(typed, settings):
    settings.VISANT_KEY_PEPPERS = {1: b"old", 2: b"new"}
    label = make_label()
    Unit.objects.update(code_pepper_id=1, code_digest=digest_of("claim:" + label.code.replace("-", ""), 1))
    org = make_org()
    assert (
        claim_camera(
            org=org, claim=read_label(typed(label.code)), name="Gate", acting_user=owner_of(org)
        ).installation.unit
        == label.unit
    )


def test_a_code_whose_pepper_was_taken_out_opens_nothing(settings):
    label = make_label()
    settings.VISANT_KEY_PEPPERS = {9: b"another"}
    with pytest.raises(ClaimCodeUnknown):
        claim(label)


def test_a_new_code_ends_the_old_one_and_brings_a_retired_unit_back():
    label = make_label()
    claim(label)
    assert retire_unit(unit=label.unit, acting_user=None)
    new = renew_code(unit=label.unit, code_days=10)
    assert new.code != label.code
    assert Unit.objects.get().state == UnitState.MANUFACTURED
    with pytest.raises(ClaimCodeUnknown):
        claim(label)
    assert claim(new).installation.unit == label.unit


def test_a_new_code_mends_one_that_was_revoked_or_has_expired():
    revoked, expired = make_label(), make_label()
    revoke_code(unit=revoked.unit)
    Unit.objects.filter(pk=expired.unit.pk).update(code_expires_at=timezone.now())
    for label in (revoked, expired):
        assert claim(renew_code(unit=label.unit)).installation.unit == label.unit


def test_a_unit_that_serves_a_camera_gets_no_new_code():
    label = make_label()
    claim(label)
    stale = Unit.objects.get()
    with pytest.raises(UnitInUse):
        renew_code(unit=stale)
    assert Unit.objects.get().state == UnitState.CLAIMED
    assert hand_out_key(serial=label.unit.serial, code=label.code) is not None
    with pytest.raises(InvalidUnits):
        renew_code(unit=stale, code_days=0)


def test_a_revoked_code_claims_nothing_and_fetches_nothing():
    free, claimed = make_label(), make_label()
    claim(claimed)
    for label in (free, claimed):
        assert revoke_code(unit=label.unit)
        assert not revoke_code(unit=label.unit)
        with pytest.raises(ClaimCodeRevoked):
            hand_out_key(serial=label.unit.serial, code=label.code)
    with pytest.raises(ClaimCodeRevoked):
        claim(free)
    with pytest.raises(AlreadyClaimed):
        claim(claimed)


def test_a_retired_unit_loses_its_camera_and_its_key():
    label = make_label()
    device = claim(label)
    key = hand_out_key(serial=label.unit.serial, code=label.code).key
    authenticate_device(text=key, ip=None)
    assert retire_unit(unit=label.unit, acting_user=None)
    assert not retire_unit(unit=label.unit, acting_user=None)
    assert (device.installation, device.installations.get().removed_at is None) == (None, False)
    with pytest.raises(KeyRevoked):
        authenticate_device(text=key, ip=None)
    for attempt in (
        lambda: claim(label, device.org),
        lambda: hand_out_key(serial=label.unit.serial, code=label.code),
    ):
        with pytest.raises(UnitRetired):
            attempt()
    assert device.org.auditentrys.filter(action="camera.hardware_removed", device_id=device.pk).count() == 1
