"""The audit itself: append-only in the database, and true for ever about who and what."""

from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, connection, models, transaction
from django.test import Client
from django.urls import reverse

from devices.services import rename_device, revoke_key
from orgs import audit, origin
from orgs.models import AuditEntry
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


WAYS = {
    "update": lambda: AuditEntry.unscoped.all().update(action="nothing.happened"),
    "save": save_changed,
    "delete": lambda: AuditEntry.unscoped.all().delete(),
    "delete one": lambda: newest().delete(),
    "raw update": lambda: raw("UPDATE orgs_auditentry SET actor_name = 'somebody else'"),
    "raw delete": lambda: raw("DELETE FROM orgs_auditentry"),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_entry_is_changed_or_deleted_in_any_way(way):
    make_device()
    before = rows()
    assert before
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
