"""The audit itself: append-only in the database, and true for ever about who and what."""

from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, connection, models, transaction
from django.test import Client
from django.urls import reverse

from devices.services.devices import rename_device
from devices.services.keys import revoke_key
from orgs import audit, origin
from orgs.models import AuditEntry, User
from orgs.wording import sentence
from tests.builders import logged_in, make_device, make_member, make_org, owner_of

pytestmark = pytest.mark.django_db
REFUSAL = "the audit is append-only"


def newest() -> AuditEntry:
    return AuditEntry.unscoped.newest_first()[0]


def rows() -> list[dict]:
    return list(AuditEntry.unscoped.order_by("pk").values())


def raw(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def save_changed() -> None:
    entry = newest()
    entry.action = "nothing.happened"
    entry.save()


ALL_AT_ONCE = {
    "postgresql": "TRUNCATE orgs_auditentry",
    "sqlite": "INSERT OR REPLACE INTO orgs_auditentry SELECT * FROM orgs_auditentry",
}
WAYS = {
    "update": lambda: AuditEntry.unscoped.all().update(action="nothing.happened"),
    "save": save_changed,
    "delete": lambda: AuditEntry.unscoped.all().delete(),
    "delete one": lambda: newest().delete(),
    "raw update": lambda: raw("UPDATE orgs_auditentry SET actor_name = 'somebody else'"),
    "raw delete": lambda: raw("DELETE FROM orgs_auditentry"),
    "all at once": lambda: raw(ALL_AT_ONCE[connection.vendor]),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_entry_is_changed_or_deleted_in_any_way(way):
    make_device()
    before = rows()
    assert before
    connection.check_constraints()  # what is still to be checked would be refused before
    with pytest.raises(DatabaseError, match=REFUSAL), transaction.atomic():
        WAYS[way]()
    assert rows() == before


def test_an_organization_with_a_past_cannot_be_deleted():
    org = make_org()
    with pytest.raises(models.ProtectedError), transaction.atomic():
        org.delete()
    org.refresh_from_db()


def test_an_entry_outlives_its_actor_and_its_target_and_keeps_their_names():
    org = make_org()
    admin = make_member(org, "admin")
    device, _ = make_device(org, "Gate")
    name = device.name
    rename_device(device=device, name="Yard", acting_user=admin)
    entry_id, email, actor_id, target_id = newest().pk, admin.email, admin.pk, str(device.pk)
    admin.delete()
    device.delete()
    entry = AuditEntry.unscoped.get(pk=entry_id)
    assert (entry.actor_kind, entry.actor_id, entry.actor_name) == ("user", actor_id, email)
    assert (entry.target_kind, entry.target_id, entry.target_name) == ("device", target_id, "Yard")
    assert (entry.before, entry.after) == ({"name": name}, {"name": "Yard"})


def test_a_name_is_a_copy_of_what_it_was_then():
    org = make_org()
    owner = owner_of(org)
    owner.name = "Ann"
    owner.save()
    device, _ = make_device(org)
    revoke_key(key=device.keys.get(), acting_user=owner)
    owner.name = "Beatrice"
    owner.save()
    assert newest().actor_name == f"Ann <{owner.email}>"


def test_the_longest_name_and_address_fit_into_an_entry():
    user = User(name="N" * 200, email="a" * 64 + "@" + "b" * 186 + ".ch")
    org = make_org()
    entry = audit.record("account.changed", org=org, actor=user, target=user)
    entry.refresh_from_db()
    assert entry.actor_name == entry.target_name == f"{user.name} <{user.email}>"


def test_of_a_membership_the_person_is_named():
    org = make_org()
    user = make_member(org)
    user.name = "Ann, viewer of gates"
    user.save()
    entry = audit.record("operator.looked", org=org, actor=None, target=user.memberships.get())
    assert (entry.target_kind, entry.target_name) == ("membership", f"Ann, viewer of gates <{user.email}>")
    assert sentence(entry) == "The operator Visant looked at Ann, viewer of gates"


def test_address_and_request_are_those_of_the_whole_request():
    org = make_org()
    device, _ = make_device(org)
    answer = logged_in(owner_of(org)).post(
        reverse("rename-camera", args=[device.pk]), {"name": "Yard"}, REMOTE_ADDR="203.0.113.9"
    )
    entry = newest()
    assert (entry.action, entry.ip, entry.request_id) == (
        "camera.renamed",
        "203.0.113.9",
        answer["X-Request-ID"],
    )
    assert origin.current() == origin.Origin()


def test_what_a_refused_request_wanted_is_in_no_audit():
    device, _ = make_device()
    before = rows()
    assert Client().post(reverse("rename-camera", args=[device.pk]), {"name": "Yard"}).status_code == 302
    stranger = logged_in(owner_of(make_org()))
    before = rows()
    assert stranger.post(reverse("rename-camera", args=[device.pk]), {"name": "Yard"}).status_code == 404
    assert rows() == before


def test_an_entry_goes_with_the_change_it_tells_of():
    """Either both are there or neither is."""
    device, _ = make_device()
    before = rows()
    with transaction.atomic():
        rename_device(device=device, name="Yard", acting_user=None)
        assert len(rows()) == len(before) + 1
        transaction.set_rollback(True)
    assert rows() == before


def test_what_the_clock_does_is_done_by_visant():
    org = make_org()
    at = datetime(2026, 3, 1, tzinfo=UTC)
    entry = audit.record("plan.ended", org=org, actor=None, target=org, after={"at": at, "id": org.pk})
    entry.refresh_from_db()
    assert (entry.actor_kind, entry.actor_id, entry.actor_name) == ("system", None, "Visant")
    assert entry.after == {"at": "2026-03-01T00:00:00+00:00", "id": str(org.pk)}
    assert (entry.ip, entry.request_id) == (None, "")
