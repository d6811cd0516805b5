"""``GET /v1/audit``: what the page shows, for programs."""

import uuid

import pytest
from django.test import Client

from devices.services.devices import rename_device
from orgs.models import AuditEntry, Membership, Role
from tests.builders import make_device, make_member, make_org, make_token, membership_of, owner_of
from tests.problems import refused
from tests.queries import statements_of

pytestmark = pytest.mark.django_db
URL = "/v1/audit"


def caller(membership: Membership) -> Client:
    return Client(headers={"authorization": f"Bearer {make_token(membership)[1]}"})


@pytest.mark.parametrize("role", [Role.VIEWER, Role.MEMBER])
def test_it_asks_for_an_admin(role):
    org = make_org()
    client = caller(membership_of(org, make_member(org, role)))
    assert refused(client.get(URL))[:2] == (403, "role_too_small")


def test_an_entry_is_told_whole():
    device, _ = make_device()
    owner, name = owner_of(device.org), device.name
    client = caller(membership_of(device.org, owner))
    rename_device(device=device, name="Yard", acting_user=owner)
    entry = AuditEntry.unscoped.get(action="camera.renamed")
    told = client.get(URL, {"device_id": device.pk}).json()["entries"][0]
    assert told == {
        "id": str(entry.pk),
        "at": entry.at.isoformat().replace("+00:00", "Z"),
        "action": "camera.renamed",
        "sentence": f"{owner.email} renamed the camera Yard",
        "actor": {"kind": "user", "id": str(owner.pk), "name": owner.email},
        "target": {"kind": "device", "id": str(device.pk), "name": "Yard"},
        "device_id": str(device.pk),
        "before": {"name": name},
        "after": {"name": "Yard"},
        "reason": "",
        "ip": None,
        "request_id": "",
    }


def test_nothing_of_another_organization_is_told():
    foreign, _ = make_device(name="Hidden")
    org = make_org()
    client = caller(membership_of(org, owner_of(org)))
    answer = client.get(URL)
    assert {entry["target"]["id"] for entry in answer.json()["entries"]} >= {str(org.pk)}
    assert "Hidden" not in answer.content.decode()
    for device_id in (foreign.pk, uuid.uuid4()):
        assert refused(client.get(URL, {"device_id": device_id}))[0] == 404


def test_pages_reach_every_entry_once_and_the_filters_narrow():
    org = make_org()
    for _ in range(3):
        make_device(org)
    client = caller(membership_of(org, owner_of(org)))
    url, seen = f"{URL}?limit=2", []
    while url:
        page = client.get(url).json()
        seen += [entry["id"] for entry in page["entries"]]
        url = page["next"]
    assert seen == [str(pk) for pk in org.auditentrys.newest_first().values_list("pk", flat=True)]

    def actions(**query: str) -> set[str]:
        return {entry["action"] for entry in client.get(URL, query).json()["entries"]}

    assert actions(about="keys") == {"key.issued", "token.created"}
    assert actions(person=owner_of(org).email) == {"organization.founded", "token.created"}
    assert actions(**{"from": "2100-01-01T00:00:00Z"}) == actions(to="2000-01-01T00:00:00Z") == set()


@pytest.mark.parametrize(
    "query",
    [
        {"device_id": "x"},
        {"about": "weather"},
        {"from": "yesterday"},
        {"to": "9999-12-31T23:59:59-12:00"},
        {"person": "\x00"},
        {"cursor": "forged"},
        {"limit": "0"},
    ],
)
def test_a_question_that_is_not_understood_is_refused(query):
    org = make_org()
    assert refused(caller(membership_of(org, owner_of(org))).get(URL, query))[0] == 400


def test_it_takes_as_many_queries_for_many_entries_as_for_few():
    org = make_org()
    client = caller(membership_of(org, owner_of(org)))
    client.get(URL)
    few = len(statements_of(lambda: client.get(URL)))
    for _ in range(5):
        make_device(org)
    assert len(statements_of(lambda: client.get(URL))) == few
