"""A picture goes whole and for good, and nothing that is to be kept goes."""

from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.test import Client
from django.utils import timezone

from captures.evaluation.models import Evaluation, Label
from captures.models import Capture, DeletedCapture
from captures.retention import deleting
from captures.retention.deleting import (
    REMEMBERED,
    CaptureHeld,
    Deleted,
    delete_capture,
    delete_due,
    forget_deleted,
    hold_capture,
    release_capture,
)
from captures.retention.tests.builders import make_policy, make_rows
from captures.services import RecordIdTaken, store_capture
from captures.storage import thumbnail_key
from orgs import metering
from orgs.models import AuditEntry, Membership, Role
from tests.builders import (
    MOMENT,
    logged_in,
    make_capture,
    make_device,
    make_evaluation,
    make_jpeg,
    make_label,
    make_link,
    make_member,
    make_org,
    make_token,
    owner_of,
    stored_files,
)
from tests.problems import refused
from tests.threads import at_once

pytestmark = pytest.mark.django_db


def upload(key: str, data: bytes, record_id: str):
    return Client().post(
        f"/v1/captures?record_id={record_id}&captured_at={MOMENT:%Y-%m-%dT%H:%M:%SZ}",
        data,
        content_type="image/jpeg",
        headers={"X-API-Key": key},
    )


def due(capture: Capture) -> Deleted:
    return delete_due(org=capture.org, pks=[capture.pk], at=timezone.now())


# --- all of it goes


def test_the_row_goes_with_what_hangs_on_it_and_then_the_bytes(django_capture_on_commit_callbacks):
    capture, other = make_capture(verdict="normal"), make_capture()
    make_evaluation(capture)
    thumbnail = default_storage.save(thumbnail_key(capture.storage_key), ContentFile(b"small"))
    Capture.unscoped.filter(pk=capture.pk).update(thumbnail_key=thumbnail)
    with django_capture_on_commit_callbacks() as callbacks:
        assert due(capture) == Deleted(1, capture.byte_size)
        assert stored_files() == {capture.storage_key, thumbnail, other.storage_key}
    for callback in callbacks:
        callback()
    assert stored_files() == {other.storage_key}
    assert list(Capture.unscoped.all()) == [other]
    assert Evaluation.unscoped.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_deletion_that_is_rolled_back_deletes_nothing():
    capture = make_capture()
    with transaction.atomic():
        assert due(capture).pictures == 1
        transaction.set_rollback(True)
    assert stored_files() == {capture.storage_key}
    assert Capture.unscoped.filter(pk=capture.pk).exists()


def test_bytes_that_cannot_be_removed_now_are_left_for_the_sweep(caplog, monkeypatch, tmp_path):
    capture = make_capture()
    monkeypatch.setattr(default_storage._wrapped, "delete", _refuse)
    deleting._remove_files([capture.storage_key])
    assert "1 files of deleted pictures could not be removed" in caplog.text


def _refuse(name: str) -> None:
    raise OSError("the storage is away")


def test_the_plan_counts_what_is_left():
    device, key = make_device()
    upload(key, make_jpeg(1), "a")
    upload(key, make_jpeg(2), "b")
    metering.flush()
    first, second = device.captures.order_by("record_id")
    due(first)
    assert device.org.monthlyusages.get().bytes == second.byte_size
    assert device.org.monthlyusages.get().pictures == 2
    due(second)
    assert device.org.monthlyusages.get().bytes == 0


def test_what_was_deleted_before_it_was_counted_adds_up_to_nothing():
    device, key = make_device()
    upload(key, make_jpeg(1), "a")
    due(device.captures.get())
    metering.flush()
    assert device.org.monthlyusages.get().bytes == 0


# --- what is kept stays


@pytest.mark.parametrize("keep", [make_label, make_link, lambda row: Capture.unscoped.update(hold=True)])
def test_what_came_to_be_kept_since_it_was_chosen_stays(keep):
    capture = make_capture()
    keep(capture)
    assert due(capture) == Deleted()
    assert stored_files() == {capture.storage_key}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("attempt", range(3))
def test_a_label_that_is_given_at_the_same_moment_is_not_lost_silently(attempt):
    """Either the picture stays with its label, or who gave it is told that it is gone."""
    capture = make_capture()
    owner_of(capture.org)
    calls = [lambda: make_label(capture), lambda: due(capture)]
    labelled, _ = at_once(lambda number: calls[number]())
    assert Capture.unscoped.filter(pk=capture.pk).exists() is isinstance(labelled, Label)


@pytest.mark.django_db(transaction=True)
def test_two_prunings_at_once_delete_each_picture_once():
    device, _ = make_device()
    rows = make_rows(device, [MOMENT + timedelta(minutes=minute) for minute in range(50)])
    pks = [row.pk for row in rows]
    found = at_once(lambda number: delete_due(org=device.org, pks=pks, at=timezone.now()), 3)
    assert sum(deleted.pictures for deleted in found) == 50
    assert (Capture.unscoped.count(), DeletedCapture.unscoped.count()) == (0, 50)


# --- it does not come back


def test_a_late_copy_of_a_deleted_picture_gets_its_receipt_and_is_not_taken_in():
    device, key = make_device()
    first = upload(key, make_jpeg(1), "a").json()
    due(device.captures.get())
    for record_id in ("a", "another-name"):
        answer = upload(key, make_jpeg(1), record_id)
        assert answer.status_code == 200
        told = answer.json()
        assert (told["record_id"], told["captured_at"], told["ingested_at"]) == (
            "a",
            first["captured_at"],
            first["ingested_at"],
        )
        assert (told["image_stored"], told["evaluation_status"]) == (False, "skipped")
        assert told["reason"] == f"It was received, and deleted on {timezone.now():%Y-%m-%d}."
    assert not device.captures.exists()
    assert Client().get("/v1/captures/a", headers={"X-API-Key": key}).status_code == 404


def test_another_picture_under_the_name_of_a_deleted_one_is_refused():
    device, key = make_device()
    upload(key, make_jpeg(1), "a")
    due(device.captures.get())
    assert refused(upload(key, make_jpeg(2), "a"))[:2] == (409, "record_id_taken")
    with pytest.raises(RecordIdTaken):
        store_capture(device=device, data=make_jpeg(3), record_id="a", captured_at=MOMENT)


def test_the_names_of_other_cameras_are_their_own():
    device, key = make_device()
    _, other_key = make_device(device.org)
    upload(key, make_jpeg(1), "a")
    due(device.captures.get())
    assert upload(other_key, make_jpeg(1), "a").status_code == 201


def test_what_rules_deleted_is_forgotten_after_a_while_and_what_people_deleted_never(monkeypatch):
    monkeypatch.setattr(deleting, "FORGOTTEN_AT_ONCE", 2)
    device, key = make_device()
    for number in range(4):
        upload(key, make_jpeg(number), f"r{number}")
    by_person, *by_rule = device.captures.order_by("record_id")
    delete_capture(capture=by_person, acting_user=owner_of(device.org))
    for capture in by_rule:
        due(capture)
    assert forget_deleted() == 0
    assert forget_deleted(now=timezone.now() + REMEMBERED + timedelta(seconds=1)) == 3
    assert DeletedCapture.unscoped.get().record_id == "r0"


# --- people


def test_an_admin_deletes_a_picture_by_the_api_and_the_audit_says_so(django_capture_on_commit_callbacks):
    capture = make_capture()
    make_label(capture), make_evaluation(capture), make_link(capture)
    headers = {"Authorization": f"Bearer {make_token(capture.org.memberships.get())[1]}"}
    with django_capture_on_commit_callbacks(execute=True):
        assert Client().delete(f"/v1/captures/{capture.pk}", headers=headers).status_code == 204
    assert Client().delete(f"/v1/captures/{capture.pk}", headers=headers).status_code == 404
    assert stored_files() == set()
    entry = AuditEntry.unscoped.get(action="capture.deleted")
    assert (entry.target_id, entry.target_name, entry.device_id) == (
        str(capture.pk),
        capture.record_id,
        capture.device_id,
    )


def test_a_held_picture_is_refused_with_a_sentence_until_it_is_released():
    capture = make_capture()
    owner = owner_of(capture.org)
    headers = {"Authorization": f"Bearer {make_token(capture.org.memberships.get())[1]}"}
    url = f"/v1/captures/{capture.pk}"
    assert Client().put(f"{url}/hold", headers=headers).json()["hold"] is True
    answer = Client().delete(url, headers=headers)
    assert refused(answer)[:2] == (409, "capture_held")
    assert answer.json()["detail"] == "This picture is held. Release it first."
    assert Client().delete(f"{url}/hold", headers=headers).json()["hold"] is False
    assert Client().delete(url, headers=headers).status_code == 204
    actions = AuditEntry.unscoped.filter(action__startswith="capture.").order_by("pk")
    assert [entry.action for entry in actions] == ["capture.held", "capture.released", "capture.deleted"]
    assert {entry.actor_id for entry in actions} == {owner.pk}


@pytest.mark.parametrize(("of_camera", "whose"), [(True, "camera's"), (False, "organization's")])
def test_a_policy_that_holds_holds_against_people_too(of_camera, whose):
    capture = make_capture()
    make_policy(capture.org, device=capture.device if of_camera else None, hold=True)
    with pytest.raises(CaptureHeld, match=f"The {whose} pictures are held"):
        delete_capture(capture=capture, acting_user=owner_of(capture.org))


def test_holding_twice_is_one_entry():
    capture = make_capture()
    for _ in range(2):
        hold_capture(capture=capture, acting_user=owner_of(capture.org))
    release_capture(capture=capture, acting_user=owner_of(capture.org))
    release_capture(capture=capture, acting_user=owner_of(capture.org))
    assert AuditEntry.unscoped.filter(action__startswith="capture.").count() == 2


def test_people_hold_release_and_delete_on_the_page_as_their_role_says():
    org = make_org()
    capture = make_capture(make_device(org)[0])
    member, admin = (logged_in(make_member(org, role)) for role in (Role.MEMBER, Role.ADMIN))
    page = f"/captures/{capture.pk}"
    assert member.post(f"{page}/hold").status_code == 302
    text = member.get(page).content.decode()
    assert "No rule deletes this picture." in text
    assert (f"{page}/release" in text, f"{page}/delete" in text) == (False, False)
    assert member.post(f"{page}/release").status_code == 403
    assert "Release it first" in admin.get(f"{page}/delete", follow=True).content.decode()
    assert f"{page}/release" in admin.get(page).content.decode()
    admin.post(f"{page}/release")
    assert "Delete this picture?" in admin.get(f"{page}/delete").content.decode()
    assert Capture.unscoped.filter(pk=capture.pk).exists()  # asking deletes nothing
    assert admin.post(f"{page}/delete")["Location"] == f"/cameras/{capture.device_id}"
    assert admin.get(page).status_code == 404


def test_a_member_who_may_not_see_a_picture_cannot_hold_it():
    capture = make_capture()
    user = make_member(capture.org)
    Membership.unscoped.filter(user=user).update(camera_ids=[])
    assert logged_in(user).post(f"/captures/{capture.pk}/hold").status_code == 404
    assert not Capture.unscoped.get().hold
