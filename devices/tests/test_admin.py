"""The admin of cameras: everything is found and seen, nothing is changed but by a service."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from devices.models import Device, DeviceKey, DeviceStatus
from devices.services.keys import issue_key
from tests.builders import make_device, make_operator, make_org
from tests.queries import statements_of

pytestmark = pytest.mark.django_db
NAMES = ["device", "devicekey", "devicestatus"]


@pytest.fixture
def operator(client) -> Client:
    client.force_login(make_operator())
    return client


def row_of(name: str, device: Device) -> Device | DeviceKey | DeviceStatus:
    return {"device": device, "devicekey": device.keys.get(), "devicestatus": device.status}[name]


@pytest.mark.parametrize("name", NAMES)
def test_list_and_detail_open(operator, name):
    device, _ = make_device()
    row = row_of(name, device)
    page = operator.get(reverse(f"admin:devices_{name}_changelist"))
    assert (page.status_code, list(page.context["cl"].result_list)) == (200, [row])
    detail = operator.get(reverse(f"admin:devices_{name}_change", args=[row.pk]))
    assert detail.status_code == 200
    assert str(device) in detail.content.decode()


@pytest.mark.parametrize("name", NAMES)
def test_search_finds_by_camera_and_organization(operator, name):
    device, _ = make_device(make_org("Harbour"), "Quay")
    make_device(make_org("Airport"), "Runway")
    terms = ["quay", str(device.pk), device.org.slug]
    if name == "devicekey":
        terms.append(device.keys.get().prefix)
    for term in terms:
        page = operator.get(reverse(f"admin:devices_{name}_changelist"), {"q": term})
        assert list(page.context["cl"].result_list) == [row_of(name, device)], term


@pytest.mark.parametrize("name", NAMES)
def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(operator, name):
    make_device()
    url = reverse(f"admin:devices_{name}_changelist")
    few = len(statements_of(lambda: operator.get(url)))
    for _ in range(5):
        make_device()
    assert len(statements_of(lambda: operator.get(url))) == few


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_added_changed_or_deleted_here(operator, name):
    row = row_of(name, make_device()[0])
    before = row.__class__.unscoped.values().get()
    for view, args in (("add", []), ("change", [row.pk]), ("delete", [row.pk])):
        answer = operator.post(reverse(f"admin:devices_{name}_{view}", args=args), {"name": "x", "post": "yes"})
        assert answer.status_code == 403, view
    action = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    operator.post(reverse(f"admin:devices_{name}_changelist"), action)
    assert row.__class__.unscoped.values().get() == before


def without_ids(page: str) -> str:
    """Ids are drawn at random: any four digits may be in one."""
    return re.sub(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "", page)


def test_a_keys_digest_and_pepper_are_shown_nowhere(operator):
    device, text = make_device()
    DeviceKey.unscoped.update(pepper_id=4711)
    key = device.keys.get()
    for url in (
        reverse("admin:devices_devicekey_changelist"),
        reverse("admin:devices_devicekey_change", args=[key.pk]),
        reverse("admin:devices_device_change", args=[device.pk]),
    ):
        page = without_ids(operator.get(url).content.decode())
        assert key.prefix in page or str(device) in page
        for secret in (key.digest, "4711", text, text.rpartition("_")[2]):
            assert secret not in page


def test_a_key_is_shown_with_its_quota(operator):
    key, _ = issue_key(device=make_device()[0], acting_user=None, daily_quota=4711)
    assert "4711" in operator.get(reverse("admin:devices_devicekey_change", args=[key.pk])).content.decode()


def revoke(client: Client, *keys: DeviceKey):
    action = {"action": "revoke", "_selected_action": [key.pk for key in keys]}
    return client.post(reverse("admin:devices_devicekey_changelist"), action, follow=True)


def test_keys_are_revoked_and_the_log_says_by_whom(operator):
    keys = [make_device()[0].keys.get() for _ in range(3)]
    revoke(operator, keys[0])
    first = DeviceKey.unscoped.get(pk=keys[0].pk).revoked_at
    page = revoke(operator, keys[0], keys[1])
    assert "Revoked: 1." in page.content.decode()
    assert {key.pk: key.state for key in DeviceKey.unscoped.all()} == {
        keys[0].pk: "revoked",
        keys[1].pk: "revoked",
        keys[2].pk: "active",
    }
    assert DeviceKey.unscoped.get(pk=keys[0].pk).revoked_at == first
    entries = LogEntry.objects.order_by("pk").values_list("object_id", "change_message", "user__email")
    assert list(entries) == [(str(key.pk), "Revoked.", "operator@example.org") for key in keys[:2]]


def test_an_operator_who_may_only_look_does_not_revoke(client):
    key = make_device()[0].keys.get()
    viewer = make_operator(is_superuser=False)
    viewer.user_permissions.add(Permission.objects.get(codename="view_devicekey"))
    client.force_login(viewer)
    assert 'value="revoke"' not in client.get(reverse("admin:devices_devicekey_changelist")).content.decode()
    revoke(client, key)
    key.refresh_from_db()
    assert key.state == "active"
