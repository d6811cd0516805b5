"""The pages of the audit: for admins of the organization, in its words, its time and its bounds."""

import csv
import io
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from devices.services.devices import rename_device
from devices.services.keys import revoke_key
from orgs import export, scope
from orgs.audit import record
from orgs.models import AuditEntry, Organization, Role
from orgs.services.oversight import note_look
from tests.builders import logged_in, make_device, make_member, make_operator, make_org, owner_of
from tests.queries import statements_of

pytestmark = pytest.mark.django_db
PAGE = "/organization/audit"
CSV = "/organization/audit.csv"


def entry_at(org: Organization, moment: str, action: str = "organization.changed", **fields) -> AuditEntry:
    """An entry as if it had been written at ``moment``, like 2026-03-01T12:00."""
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    return AuditEntry.unscoped.create(
        **{
            "org": org,
            "at": at,
            "action": action,
            "actor_kind": "user",
            "actor_name": "Ann <ann@example.org>",
            "target_kind": "organization",
            "target_id": str(org.pk),
            "target_name": org.name,
            **fields,
        }
    )


def shown(client: Client, url: str = PAGE, **query: str) -> list[AuditEntry]:
    page = client.get(url, query)
    assert page.status_code == 200
    return [item["entry"] for item in page.context["entries"]]


def lines(client: Client, **query: str) -> list[list[str]]:
    answer = client.get(CSV, query)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")
    return list(csv.reader(io.StringIO(answer.getvalue().decode())))


@pytest.mark.parametrize("url", [PAGE, CSV])
@pytest.mark.parametrize(
    ("role", "status"), [(Role.VIEWER, 403), (Role.MEMBER, 403), (Role.ADMIN, 200), (Role.OWNER, 200)]
)
def test_admins_and_owners_read_it(url, role, status):
    client = logged_in(make_member(make_org(), role))
    assert client.get(url).status_code == status


@pytest.mark.parametrize(("role", "status"), [(Role.MEMBER, 403), (Role.ADMIN, 200)])
def test_the_page_of_a_camera_asks_for_the_same_role_and_is_linked_for_who_has_it(role, status):
    device, _ = make_device()
    client = logged_in(make_member(device.org, role))
    url = reverse("camera-audit", args=[device.pk])
    assert client.get(url).status_code == status
    camera = client.get(reverse("camera", args=[device.pk])).content.decode()
    assert (url in camera) is (status == 200)


def test_nothing_of_another_organization_is_shown_by_any_way():
    ours, theirs = make_org(), make_org("Secretive")
    foreign, _ = make_device(theirs, "Hidden door")
    secret = record("camera.renamed", org=theirs, actor=owner_of(theirs), target=foreign, device=foreign)
    assert shown(logged_in(owner_of(theirs)), person="Hidden")[0] == secret
    client = logged_in(owner_of(ours))
    assert {entry.org_id for entry in shown(client)} == {ours.pk}
    assert "Hidden door" not in client.get(PAGE).content.decode()
    assert shown(client, person="Hidden") == []
    assert "Hidden" not in str(lines(client))
    for url, query in (
        (PAGE, {"camera": foreign.pk}),
        (CSV, {"camera": foreign.pk}),
        (reverse("camera-audit", args=[foreign.pk]), {}),
    ):
        answer = client.get(url, query)
        assert (answer.status_code, "Hidden" in answer.content.decode()) == (404, False)


def test_it_says_in_sentences_who_did_what_and_what_was_before():
    org = make_org()
    owner = owner_of(org)
    owner.name = "Ann"
    owner.save()
    device, _ = make_device(org, "Gate")
    name = device.name
    rename_device(device=device, name="Yard", acting_user=owner)
    bob = make_member(org).memberships.get()
    bob.user.name = "Bob"
    record("membership.removed", org=org, actor=owner, target=bob, before={"role": "member"})
    page = " ".join(logged_in(owner).get(PAGE).content.decode().split())
    assert "<strong>Ann removed Bob from the organization</strong>" in page
    assert "<strong>Ann renamed the camera Yard</strong>" in page
    cells = '<th scope="row">Name</th><td class="wide">{}</td><td class="wide">{}</td>'
    assert cells.format(name, "Yard") in page
    assert f"Ann &lt;{owner.email}&gt;" in page


def test_an_action_without_a_sentence_is_told_all_the_same():
    org = make_org()
    entry_at(org, "2026-03-01T12:00", "weather.changed")
    assert "Ann: weather changed, " in logged_in(owner_of(org)).get(PAGE).content.decode()


def test_moments_are_those_of_the_organizations_zone():
    org = make_org(time_zone="Europe/Zurich")
    entry_at(org, "2026-03-01T23:30", after={"valid_until": "2026-07-01T12:00:00+00:00"})
    page = logged_in(owner_of(org)).get(PAGE, {"until": "2026-03-02"}).content.decode()
    assert "00:30:00" in page
    assert "Monday 2 March" in page
    assert "1 Jul 2026, 14:00" in page


def test_the_newest_comes_first_and_pages_reach_every_entry_once():
    org = make_org()
    made = [entry_at(org, f"2026-03-01T{n // 60:02}:{n % 60:02}") for n in range(120)]
    client, seen, query = logged_in(owner_of(org)), [], {"until": "2026-03-31"}
    while True:
        page = client.get(PAGE, query)
        seen += [item["entry"] for item in page.context["entries"]]
        if page.context["next_cursor"] is None:
            break
        assert 'rel="next"' in page.content.decode()
        query["cursor"] = page.context["next_cursor"]
    assert seen == made[::-1]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"person": "bob@"}, ["key", "removed"]),
        ({"person": "ANN"}, ["removed", "settings"]),
        ({"about": "keys"}, ["key"]),
        ({"about": "people"}, ["removed"]),
        ({"about": "sharing"}, []),
        ({"since": "2026-03-02"}, ["key", "removed"]),
        ({"until": "2026-03-02"}, ["removed", "settings"]),
        ({"since": "2026-03-02", "until": "2026-03-02"}, ["removed"]),
        ({"person": "bob", "about": "keys", "since": "2026-03-03"}, ["key"]),
    ],
)
def test_it_narrows_by_person_subject_and_days(query, expected):
    org = make_org()
    settings = entry_at(org, "2026-03-01T12:00", target_name="the settings")
    removed = entry_at(org, "2026-03-02T12:00", "membership.removed", target_name="Bob <bob@example.org>")
    key = entry_at(org, "2026-03-03T12:00", "key.issued", actor_name="Bob <bob@example.org>")
    entries = {"settings": settings, "removed": removed, "key": key}
    client = logged_in(owner_of(org))
    wanted = {"until": "2026-03-31", **query}
    assert shown(client, **wanted) == [entries[name] for name in expected]
    assert len(lines(client, **wanted)) == 1 + len(expected)


def test_it_narrows_to_one_camera_by_the_filter_and_on_the_cameras_own_page():
    org = make_org()
    gate, yard = make_device(org, "Gate")[0], make_device(org, "Yard")[0]
    revoke_key(key=gate.keys.get(), acting_user=owner_of(org))
    client = logged_in(owner_of(org))
    expected = list(AuditEntry.unscoped.filter(device_id=gate.pk).newest_first())
    assert [entry.action for entry in expected] == ["key.revoked", "key.issued", "camera.added"]
    assert shown(client, camera=str(gate.pk)) == expected
    assert shown(client, reverse("camera-audit", args=[gate.pk])) == expected
    # Whatever the address asks for besides, the page of a camera stays at that camera.
    assert shown(client, reverse("camera-audit", args=[gate.pk]), camera=str(yard.pk)) == expected


@pytest.mark.parametrize(
    "query",
    [
        {"since": "yesterday"},
        {"since": "0001-01-01"},
        {"until": "9999-12-31"},
        {"since": "2026-03-02", "until": "2026-03-01"},
        {"about": "weather"},
        {"person": "\x00"},
        {"person": "x" * 201},
    ],
)
@pytest.mark.parametrize("url", [PAGE, CSV])
def test_a_question_that_is_not_understood_shows_nothing_and_says_so(url, query):
    org = make_org()
    page = logged_in(owner_of(org)).get(url, query)
    assert (page.status_code, page.context["entries"]) == (400, [])


def test_a_forged_cursor_is_refused():
    answer = logged_in(owner_of(make_org())).get(PAGE, {"cursor": "forged"})
    assert answer.status_code == 400
    assert "The cursor is not one that was given out here." in answer.content.decode()


@pytest.mark.parametrize("url", [PAGE, CSV])
def test_it_takes_as_many_queries_for_many_entries_as_for_few(url):
    org = make_org()
    client = logged_in(owner_of(org))
    make_device(org)
    few = len(statements_of(lambda: client.get(url).getvalue()))
    for _ in range(8):
        make_device(org)
    assert len(statements_of(lambda: client.get(url).getvalue())) == few


def test_the_names_of_cameras_stand_for_their_ids():
    org = make_org()
    gate, _ = make_device(org, "Gate")
    entry_at(org, "2026-03-01T12:00", "membership.limits_changed", after={"camera_ids": [str(gate.pk)]})
    page = logged_in(owner_of(org)).get(PAGE, {"until": "2026-03-31"}).content.decode()
    assert f"<dt>Cameras</dt><dd>{gate.name}</dd>" in page
    assert '<table class="changes">' not in page  # there was nothing before


def test_values_and_fields_are_called_as_elsewhere():
    org = make_org(time_zone="Europe/Zurich")
    before = {"role": "member", "valid_until": None, "camera_ids": None}
    after = {"role": "viewer", "valid_until": "2026-12-24T23:00:00+00:00", "camera_ids": []}
    entry_at(org, "2026-03-01T12:00", "membership.limits_changed", before=before, after=after)
    page = logged_in(owner_of(org)).get(PAGE, {"until": "2026-03-31"})
    [changes] = [item["changes"] for item in page.context["entries"]]
    assert [(change.field, change.before, change.after) for change in changes] == [
        ("Cameras", "all", "none"),
        ("Role", "Member", "Viewer"),
        ("Member until", "no end", "24 Dec 2026"),
    ]


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("profile.changed", "changed their own name"),
        ("password.changed", "changed their own password"),
        ("email.changed", "changed their own e-mail address"),
    ],
)
def test_what_people_do_to_their_own_account_is_called_their_own(action, said):
    org = make_org()
    owner, bob = owner_of(org), make_member(org)
    record(action, org=org, actor=owner, target=owner)
    record(action, org=org, actor=owner, target=bob)
    page = logged_in(owner).get(PAGE).content.decode()
    assert f"<strong>{owner} {said}</strong>" in page
    assert f"of {bob}</strong>" in page


def test_an_operators_look_is_told_with_its_reason():
    device, _ = make_device()
    note_look(target=device, acting_user=make_operator(), reason="Ticket 12")
    page = logged_in(owner_of(device.org)).get(PAGE, {"about": "operators"}).content.decode()
    assert f"The operator operator@example.org looked at {device}" in page
    assert "Reason: Ticket 12" in page


def test_the_download_holds_each_entry_whole():
    org = make_org(time_zone="Europe/Zurich")
    entry = entry_at(
        org,
        "2026-03-01T12:00",
        before={"name": "Ä"},
        after={"name": "B"},
        ip="203.0.113.9",
        request_id="abc",
        reason="Because.",
    )
    header, line = lines(logged_in(owner_of(org)), until="2026-03-31")
    assert dict(zip(header, line, strict=True)) == {
        "at": "2026-03-01T13:00:00+01:00",
        "sentence": f"Ann changed the settings of {org}",
        "action": "organization.changed",
        "actor": "Ann <ann@example.org>",
        "actor_id": "",
        "target_kind": "organization",
        "target": org.name,
        "target_id": str(entry.target_id),
        "camera_id": "",
        "before": '{"name": "Ä"}',
        "after": '{"name": "B"}',
        "reason": "Because.",
        "ip": "203.0.113.9",
        "request_id": "abc",
    }


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", '=HYPERLINK("x")'])
def test_no_cell_of_the_download_is_a_formula(name):
    org = make_org()
    entry_at(org, "2026-03-01T12:00", target_name=name, actor_name=name, reason=name)
    for cell in lines(logged_in(owner_of(org)), until="2026-03-31")[1]:
        assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r"))


def test_the_download_sees_its_organization_when_the_request_is_over(monkeypatch):
    """The lines are made by whoever sends them, to whom nothing is shown."""
    monkeypatch.setattr(export, "BATCH", 2)
    make_device()
    org = make_org()
    make_device(org)
    answer = logged_in(owner_of(org)).get(CSV)
    with scope.nothing():
        sent = answer.getvalue().decode()
    assert len(list(csv.reader(io.StringIO(sent)))) == 1 + 3


def test_the_download_goes_through_all_batches(monkeypatch):
    monkeypatch.setattr(export, "BATCH", 2)
    org = make_org()
    made = [entry_at(org, f"2026-03-01T12:0{n}", request_id=str(n)) for n in range(5)]
    rows = lines(logged_in(owner_of(org)), until="2026-03-31")[1:]
    assert [row[-1] for row in rows] == [entry.request_id for entry in made[::-1]]


@pytest.mark.parametrize(("name", "value", "rows"), [("MOST_ROWS", 3, 3), ("MOST_SECONDS", -1.0, 2)])
def test_the_download_is_bounded_and_says_where_it_was_cut_off(monkeypatch, name, value, rows):
    monkeypatch.setattr(export, "BATCH", 2)
    monkeypatch.setattr(export, name, value)
    org = make_org()
    for minute in range(5):
        entry_at(org, f"2026-03-01T12:0{minute}")
    *whole, last = lines(logged_in(owner_of(org)), until="2026-03-31")
    assert len(whole) == 1 + rows
    assert last == [f"Cut off after {rows} entries; narrow the days to get the older ones."]
