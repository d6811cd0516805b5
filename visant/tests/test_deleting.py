"""Deleting an organization: all of it, nothing else, and a receipt."""

import json
from datetime import timedelta

import pytest
from django.apps import apps
from django.core import mail
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from captures.leaving.deleting import delete_organization
from captures.leaving.tasks import delete_due_organizations
from captures.storage import incoming_key
from captures.upkeep import hold_upkeep_after_restore, resume_upkeep
from devices.models import Unit, UnitState
from orgs.ids import uuid7
from orgs.models import AuditEntry, Deletion, Organization, User
from orgs.services.deletions import LEASE, NothingToTakeBack, ask_for_deletion, make_deletion, take_back_deletion
from orgs.tenancy import TenantModel
from tests.builders import logged_in, make_capture, make_device, make_member, make_org, owner_of, stored_files
from visant.tests.test_admin import fill

pytestmark = pytest.mark.django_db(transaction=True)


def rows() -> dict[str, dict[str, int]]:
    """How many rows each organization has in each table."""
    found: dict[str, dict[str, int]] = {}
    for model in apps.get_models():
        if issubclass(model, TenantModel):
            for org_id in model._base_manager.values_list("org_id", flat=True):
                counts = found.setdefault(str(org_id), {})
                counts[model._meta.label_lower] = counts.get(model._meta.label_lower, 0) + 1
    return found


def with_files_everywhere(org: Organization) -> None:
    default_storage.save(incoming_key(org_id=org.pk, pk=uuid7()), ContentFile(b"coming"))
    storages["quarantine"].save(f"{org.pk}/devices/x/swept.jpeg", ContentFile(b"swept"))


def test_all_of_it_goes_and_nothing_of_others(tmp_path):
    ours, theirs = fill()["organization"], fill()["organization"]
    for org in (ours, theirs):
        make_capture(org.devices.first())
        with_files_everywhere(org)
    before, files = rows(), stored_files() | stored_files(storages["quarantine"])
    # There is something to leave behind, in each table that a camera or a person has.
    assert before[str(ours.pk)].keys() == before[str(theirs.pk)].keys()
    assert len(before[str(ours.pk)]) >= 20
    size = sum(default_storage.size(name) for name in stored_files() if str(ours.pk) in name) + len(b"swept")
    people = User.objects.count()

    receipt = tmp_path / "receipt.json"
    with pytest.raises(CommandError, match="Nothing was deleted"):
        call_command("delete_organization", ours.slug)
    assert rows() == before
    call_command("delete_organization", ours.slug, "--yes", "--receipt", str(receipt))

    after = rows()
    assert str(ours.pk) not in after
    assert after[str(theirs.pk)] == before[str(theirs.pk)]
    left = stored_files() | stored_files(storages["quarantine"])
    assert left == {name for name in files if str(ours.pk) not in name}
    assert not Organization.objects.filter(pk=ours.pk).exists()
    assert User.objects.count() == people
    told = json.loads(receipt.read_text())
    assert told["rows"] == {**before[str(ours.pk)], "orgs.organization": 1}
    assert (told["files"], told["bytes"]) == (len([name for name in files if str(ours.pk) in name]), size)
    assert told == json.loads(json.dumps(Deletion.objects.get(finished_at__isnull=False).receipt))
    for text in (ours.name, ours.slug, owner_of(theirs).email, "example.org"):
        assert text not in receipt.read_text()


def test_no_storage_that_is_configured_keeps_anything_of_it(s3):
    ours, theirs = make_org("Ours"), make_org("Theirs")
    for org in (ours, theirs):
        make_capture(make_device(org)[0])
        with_files_everywhere(org)
        # What a move left where it was: no row speaks of it any more.
        for alias in ("filesystem", "filesystem-quarantine"):
            storages[alias].save(f"{org.pk}/devices/x/{alias}.jpeg", ContentFile(b"moved"))
    local = [storages["filesystem"], storages["filesystem-quarantine"]]
    before = s3.names().union(*map(stored_files, local))
    assert sum(str(ours.pk) in name for name in before) == 5
    assert any(name.startswith(f"incoming/{ours.pk}/") for name in s3.names())

    call_command("delete_organization", ours.slug, "--yes")
    assert s3.names().union(*map(stored_files, local)) == {name for name in before if str(ours.pk) not in name}
    assert Deletion.objects.get().files == 5


def test_the_audit_is_append_only_for_all_but_who_is_being_deleted():
    ours, theirs = make_org(), make_org()
    deletion = make_deletion(org=ours, due_at=timezone.now())
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        AuditEntry.unscoped.filter(org=ours).delete()
    Deletion.objects.filter(pk=deletion.pk).update(begun_at=timezone.now())
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        AuditEntry.unscoped.filter(org=theirs).delete()
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        AuditEntry.unscoped.filter(org=ours).update(actor_name="Nobody")
    assert AuditEntry.unscoped.filter(org=ours).delete()[0] > 0
    Deletion.objects.filter(pk=deletion.pk).update(finished_at=timezone.now())
    assert AuditEntry.unscoped.filter(org=theirs).exists()


def test_it_waits_its_days_is_taken_back_and_then_done_once(settings):
    org = make_org("Leaving")
    owner, second = owner_of(org), make_member(org, "owner")
    deletion = ask_for_deletion(org=org, typed_name=org.name, acting_user=owner)
    assert deletion.due_at - deletion.asked_at == pytest.approx(timedelta(days=14), abs=timedelta(seconds=5))
    assert {message.to[0] for message in mail.outbox} == {owner.email, second.email}
    delete_due_organizations()
    assert delete_organization(deletion) is None
    take_back_deletion(org=org, acting_user=second)
    Deletion.objects.update(due_at=timezone.now())
    delete_due_organizations()
    assert Organization.objects.filter(pk=org.pk, suspended_at=None).exists()
    with pytest.raises(NothingToTakeBack):
        take_back_deletion(org=org, acting_user=second)

    settings.VISANT_DELETION_DAYS = 0
    mail.outbox.clear()
    again = ask_for_deletion(org=org, typed_name=f" {org.name} ", acting_user=owner)
    delete_due_organizations()
    again.refresh_from_db()
    assert again.finished_at is not None
    assert not Organization.objects.filter(pk=org.pk).exists()
    receipts = [message.body for message in mail.outbox if message.subject == "Your organization was deleted"]
    assert len(receipts) == 2
    assert str(again.pk) in receipts[0]
    assert delete_organization(again) is None


def test_it_is_held_after_a_restore_onto_a_storage_in_use(settings):
    """It may have been taken back after the backup; and it would take what came since."""
    settings.VISANT_DELETION_DAYS = 0
    org = make_org("Leaving")
    ask_for_deletion(org=org, typed_name=org.name, acting_user=owner_of(org))
    default_storage.save(f"{org.pk}/newer-than-the-backup", ContentFile(b"kept"))
    assert hold_upkeep_after_restore() == 1
    delete_due_organizations()
    assert Organization.objects.filter(pk=org.pk).exists()
    resume_upkeep()
    delete_due_organizations()
    assert not Organization.objects.filter(pk=org.pk).exists()
    assert stored_files() == set()


def test_what_was_cut_short_goes_on_and_the_receipt_is_still_right(monkeypatch):
    org = make_org()
    capture = make_capture(make_device(org)[0])
    before = rows()[str(org.pk)]
    deletion = make_deletion(org=org, due_at=timezone.now())

    class PowerCut(Exception):
        pass

    def cut(storage, name):
        raise PowerCut

    with monkeypatch.context() as patch:
        patch.setattr(type(default_storage._wrapped), "delete", cut)
        with pytest.raises(PowerCut):
            delete_organization(deletion)
    assert default_storage.exists(capture.storage_key)
    assert Organization.objects.get(pk=org.pk).suspended_at is not None
    with pytest.raises(NothingToTakeBack):
        take_back_deletion(org=org, acting_user=None)
    assert delete_organization(deletion) is None  # somebody is at it, as far as can be seen
    Deletion.objects.update(claimed_until=timezone.now() - LEASE)
    done = delete_organization(Deletion.objects.get())
    assert done.rows == {**before, "orgs.organization": 1}
    assert done.files == 1
    assert not default_storage.exists(capture.storage_key)


def test_hardware_is_free_for_an_operator_to_give_away():
    org = fill()["organization"]
    call_command("delete_organization", org.slug, "--yes")
    assert set(Unit.objects.values_list("state", flat=True)) == {UnitState.RETIRED}


def test_an_owner_types_the_name_and_can_take_it_back():
    org = make_org("Leaving")
    client = logged_in(owner_of(org))
    refused = client.post("/organization/leaving/delete", {"typed_name": org.name.lower()})
    assert refused.status_code == 400
    assert "It is not Leaving" in refused.content.decode()
    assert client.post("/organization/leaving/delete", {"typed_name": org.name}).status_code == 302
    page = client.get("/organization/leaving").content.decode()
    assert "It is deleted after" in page
    assert client.post("/organization/leaving/delete", {"typed_name": org.name}).status_code == 409
    assert client.post("/organization/leaving/keep").status_code == 302
    assert client.post("/organization/leaving/keep").status_code == 409
    actions = list(AuditEntry.unscoped.filter(org=org).order_by("pk").values_list("action", flat=True))
    assert actions[-2:] == ["organization.deletion_asked", "organization.deletion_taken_back"]
    assert logged_in(make_member(org, "admin")).get("/organization/leaving").status_code == 403


def test_nothing_goes_where_the_receipt_cannot_be_made(tmp_path):
    org = make_org()
    with pytest.raises(CommandError, match="Nothing was deleted"):
        call_command("delete_organization", org.slug, "--yes", "--receipt", str(tmp_path / "no" / "r.json"))
    assert Organization.objects.filter(pk=org.pk).exists()
    assert not Deletion.objects.exists()


@pytest.mark.once
def test_a_storage_that_was_away_need_not_be_waited_for(s3, tmp_path):
    org = make_capture().org
    receipt = tmp_path / "receipt.json"
    command = ["delete_organization", org.slug, "--yes", "--receipt", str(receipt)]
    s3.stop()
    with pytest.raises(CommandError, match="storage, or a file, does not answer") as told:
        call_command(*command)
    assert told.value.returncode == 2
    assert not receipt.exists()
    s3.start()
    call_command(*command)
    assert json.loads(receipt.read_text())["files"] >= 1
    assert s3.names() == set()


@pytest.mark.once
def test_a_sweep_without_its_storage_is_a_sentence(s3):
    s3.stop()
    with pytest.raises(CommandError, match="storage, or a file, does not answer") as told:
        call_command("sweep_files")
    assert told.value.returncode == 2
    s3.start()
