"""How a camera shows its key, and what it is told when the key is not right."""

import base64
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from devices.models import Device, DeviceKey, DeviceStatus
from devices.services.devices import keep_former_id
from devices.services.keys import (
    KeyNotAdoptable,
    KeyOfAnotherCamera,
    authenticate_device,
    issue_key,
    keep_key,
    revoke_key,
)
from orgs.ids import uuid7
from orgs.keys import make_key
from orgs.models import Organization
from tests.builders import make_device, make_jpeg
from tests.problems import refused
from tests.queries import statements_of

pytestmark = pytest.mark.django_db
URL = "/v1/captures"


def ask(**headers: str):
    return Client().get(URL, headers={name.replace("_", "-"): value for name, value in headers.items()})


def basic(name: str, key: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{key}".encode()).decode()


WAYS = {
    "bearer": lambda device, key: {"authorization": f"Bearer {key}"},
    "bearer in any case, with spaces": lambda device, key: {"authorization": f"bEARER   {key} "},
    "x-api-key": lambda device, key: {"x_api_key": key},
    "x-api-key beside another scheme": lambda device, key: {"authorization": "Digest x", "x_api_key": key},
    "basic": lambda device, key: {"authorization": basic(str(device.pk), key)},
    "basic with the id in capitals": lambda device, key: {"authorization": basic(str(device.pk).upper(), key)},
}


@pytest.mark.parametrize("way", WAYS)
def test_a_key_opens_when_it_is_shown_as(way):
    device, key = make_device()
    assert ask(**WAYS[way](device, key)).status_code == 200


@pytest.mark.parametrize("way", WAYS)
def test_a_key_that_nobody_was_given_opens_nothing_when_it_is_shown_as(way):
    device, _ = make_device()
    assert refused(ask(**WAYS[way](device, make_key("dev").text))) == (401, "key_unknown", False, True)


@pytest.mark.parametrize("way", WAYS)
def test_a_revoked_key_is_told_so_when_it_is_shown_as(way):
    device, key = make_device()
    revoke_key(key=device.keys.get(), acting_user=None)
    assert refused(ask(**WAYS[way](device, key))) == (401, "key_revoked", False, True)


@pytest.mark.parametrize("way", WAYS)
def test_an_expired_key_is_told_so_when_it_is_shown_as(way):
    device, key = make_device()
    DeviceKey.unscoped.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert refused(ask(**WAYS[way](device, key))) == (401, "key_expired", False, True)


def test_a_key_opens_until_it_expires():
    device, _ = make_device()
    _, key = issue_key(device=device, expires_at=timezone.now() + timedelta(hours=1), acting_user=None)
    assert ask(x_api_key=key).status_code == 200


def test_without_a_key_the_camera_is_told_how_to_show_one():
    answer = ask()
    assert refused(answer) == (401, "key_missing", False, True)
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="Visant", Basic realm="Visant"'
    assert "X-API-Key" in answer.json()["detail"]


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer ",
        "Bearer not-a-key",
        "Bearer \xe9",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic \xe9",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        "Basic " + base64.b64encode(b"\0:\0").decode(),
    ],
)
def test_a_login_that_is_no_login_is_refused_and_not_an_error_of_ours(authorization):
    assert refused(ask(authorization=authorization)) == (401, "key_unknown", False, True)


@pytest.mark.parametrize("name", ["", "gate", "00000000-0000-0000-0000-000000000000"])
def test_a_login_under_another_name_than_the_keys_is_refused(name):
    _, key = make_device()
    assert refused(ask(authorization=basic(name, key))) == (403, "not_this_device", False, True)


def test_a_login_under_the_name_of_another_camera_is_refused():
    _, key = make_device()
    other, _ = make_device()
    assert refused(ask(authorization=basic(str(other.pk), key))) == (403, "not_this_device", False, True)


def test_the_secret_of_one_key_does_not_open_the_prefix_of_another(settings):
    """Two keys under one prefix differ in their digest: the whole key is compared, not what finds it."""
    _, key = make_device()
    other, _ = make_device()
    forged = DeviceKey.unscoped.get(device=other)
    DeviceKey.unscoped.exclude(pk=forged.pk).update(prefix="x")
    DeviceKey.unscoped.filter(pk=forged.pk).update(prefix=key.split("_")[2])
    assert refused(ask(x_api_key=key)) == (401, "key_unknown", False, True)


def test_a_key_whose_pepper_was_taken_away_is_unknown(settings):
    _, key = make_device()
    settings.VISANT_KEY_PEPPERS = {99: b"another"}
    assert refused(ask(x_api_key=key)) == (401, "key_unknown", False, True)


def test_the_key_itself_is_kept_nowhere():
    device, key = make_device()
    secret = key.split("_")[3]
    for model in (Device, DeviceKey, DeviceStatus):
        for row in model.unscoped.values():
            assert secret not in str(row)
    assert secret not in str(device.keys.get())


def test_the_last_use_is_written_at_most_once_a_minute():
    device, key = make_device()
    assert device.keys.get().last_used_at is None
    ask(x_api_key=key)
    first = device.keys.get()
    device.status.refresh_from_db()
    assert first.last_used_at == device.status.last_seen_at
    assert first.last_used_from == device.status.last_seen_from == "127.0.0.1"
    assert timezone.now() - first.last_used_at < timedelta(minutes=1)

    ask(x_api_key=key)
    assert device.keys.get().last_used_at == first.last_used_at

    earlier = first.last_used_at - timedelta(minutes=1)
    device.keys.update(last_used_at=earlier)
    ask(x_api_key=key)
    assert device.keys.get().last_used_at > earlier


def test_knowing_a_camera_takes_one_statement_and_three_once_a_minute():
    _, key = make_device()
    assert len(statements_of(lambda: authenticate_device(text=key, ip=None))) == 3
    assert len(statements_of(lambda: authenticate_device(text=key, ip=None))) == 1
    assert statements_of(lambda: ask(x_api_key="not-a-key")) == []


def test_a_refused_key_is_not_noted_as_used():
    device, key = make_device()
    revoke_key(key=device.keys.get(), acting_user=None)
    ask(x_api_key=key)
    assert device.keys.get().last_used_at is None
    device.status.refresh_from_db()
    assert device.status.last_seen_at is None


def test_revoking_a_key_again_changes_nothing_and_leaves_the_others_open():
    device, key = make_device()
    second, text = issue_key(device=device, acting_user=None)
    revoke_key(key=second, acting_user=None)
    at = second.revoked_at
    revoke_key(key=second, acting_user=None)
    assert (second.revoked_at, second.state) == (at, "revoked")
    assert ask(x_api_key=key).status_code == 200
    assert refused(ask(x_api_key=text)) == (401, "key_revoked", False, True)


def test_a_camera_of_a_suspended_organization_delivers_and_reads_nothing():
    device, key = make_device()
    shown = {"Authorization": f"Bearer {key}"}

    def deliver(seed: int):
        return Client().post("/v1/captures", make_jpeg(seed), content_type="image/jpeg", headers=shown)

    assert deliver(1).status_code == 201
    capture = Client().get("/v1/captures", headers=shown).json()["captures"][0]["id"]
    paths = [
        "/v1/captures",
        *(f"/v1/captures/{capture}{part}" for part in ("", "/status", "/image")),
    ]
    assert [Client().get(path, headers=shown).status_code for path in paths] == [200] * 4
    Organization.objects.filter(pk=device.org_id).update(suspended_at=timezone.now())
    for path in paths:
        assert refused(Client().get(path, headers=shown)) == (403, "organization_suspended", False, True)
    assert deliver(2).status_code == 201


def test_an_upload_does_not_load_the_organization_to_see_whether_it_is_suspended():
    _, key = make_device()
    shown = {"Authorization": f"Bearer {key}"}

    def asked_for_suspension(call) -> bool:
        return any('"orgs_organization"."suspended_at"' in sql for sql in statements_of(call))

    assert asked_for_suspension(lambda: Client().get("/v1/captures", headers=shown))
    assert not asked_for_suspension(
        lambda: Client().post("/v1/captures", make_jpeg(), content_type="image/jpeg", headers=shown)
    )


# --- keys and names of an earlier system

EARLIER = "sk_live_0Zk3-PqL7.earlier"


def with_earlier_key(name: str = "Lobby Cam #2 ", text: str = EARLIER) -> Device:
    device, _ = make_device()
    Device.unscoped.filter(pk=device.pk).update(external_id=name)
    device.refresh_from_db()
    assert keep_key(device=device, text=text, acting_user=None) is not None
    return device


@pytest.mark.parametrize("way", WAYS)
def test_a_key_of_an_earlier_system_opens_when_it_is_shown_as(way):
    device = with_earlier_key()
    assert ask(**WAYS[way](device, EARLIER)).status_code == 200


def test_a_camera_may_call_itself_as_it_did_in_an_earlier_system():
    device = with_earlier_key()
    headers = {"X-API-Key": EARLIER}
    said = {"device_id": "Lobby Cam #2", "record_id": "r1"}
    answer = Client().post(URL, make_jpeg(), "image/jpeg", query_params=said, headers=headers)
    assert (answer.status_code, answer.json()["device_id"]) == (201, str(device.pk))
    path = "/v1/devices/Lobby%20Cam%20%232/config"
    assert Client().get(path, headers=headers).status_code == 200
    assert ask(authorization=basic("Lobby Cam #2", EARLIER)).status_code == 200
    for named in ("Lobby Cam #3", "lobby cam #2", ""):
        assert refused(ask(authorization=basic(named, EARLIER)))[:2] == (403, "not_this_device")


def test_a_camera_without_an_earlier_name_is_called_by_its_id_alone():
    device, key = make_device()
    for named in ("", " ", "None", device.name):
        assert refused(ask(authorization=basic(named, key)))[:2] == (403, "not_this_device")


def test_a_camera_that_moved_may_go_on_saying_the_id_it_had():
    device, key = make_device()
    former_id = uuid7()
    keep_former_id(device=device, former_id=former_id, external_id="gate")
    for named in (str(former_id).upper(), "gate", str(device.pk)):
        assert ask(authorization=basic(named, key)).status_code == 200
    assert refused(ask(authorization=basic(str(uuid7()), key)))[:2] == (403, "not_this_device")


def test_of_an_earlier_key_only_digests_are_kept_and_it_is_found_after_a_new_pepper(settings):
    settings.VISANT_KEY_PEPPERS = {1: b"first"}
    device = with_earlier_key()
    key = device.keys.exclude(prefix__startswith="~").get()
    earlier = device.keys.get(prefix__startswith="~")
    assert EARLIER not in str([getattr(earlier, field.attname) for field in DeviceKey._meta.fields])
    assert earlier.prefix.removeprefix("~") not in earlier.digest
    assert str(earlier) != str(key)
    settings.VISANT_KEY_PEPPERS = {1: b"first", 2: b"second"}
    assert authenticate_device(text=EARLIER, ip=None) == earlier
    assert keep_key(device=device, text=EARLIER, acting_user=None) is None
    revoke_key(key=earlier, acting_user=None)
    assert refused(ask(x_api_key=EARLIER))[:2] == (401, "key_revoked")


def test_an_earlier_key_opens_one_camera_and_must_be_hard_to_guess():
    with_earlier_key()
    other, key = make_device()
    with pytest.raises(KeyOfAnotherCamera):
        keep_key(device=other, text=EARLIER, acting_user=None)
    for text in ("short", "has a space in it at least", "ünïcödé-is-no-header", "x" * 301, key):
        with pytest.raises(KeyNotAdoptable):
            keep_key(device=other, text=text, acting_user=None)


def test_keys_of_our_own_form_cost_no_look_for_earlier_ones():
    _, key = make_device()
    first = statements_of(lambda: ask(x_api_key=key))
    assert not any("~" in sql for sql in first)
    mistyped = key[:-1] + ("a" if key[-1] != "a" else "b")
    assert not any("devices_devicekey" in sql for sql in statements_of(lambda: ask(x_api_key=mistyped)))
