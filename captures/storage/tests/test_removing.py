"""Many files are deleted at once, and each that stays is told."""

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.utils import timezone

from captures.leaving.deleting import delete_organization
from captures.models import Capture
from captures.retention.deleting import Deleted, delete_due
from captures.storage import StorageDown
from captures.storage import s3 as buckets
from captures.storage.fallback import FallbackStorage
from captures.upkeep import QUARANTINE, sweep_files
from orgs.models import Deletion
from orgs.services.deletions import LEASE, make_deletion
from tests.builders import make_capture, make_device, stored_files

NAMES = ["a b/ü.jpeg", "a b/<&>'\".jpeg", *(f"{number}.jpeg" for number in range(3))]


def save(names=NAMES, storage=default_storage) -> None:
    for name in names:
        storage.save(name, ContentFile(b"x"))


@pytest.mark.once
@pytest.mark.parametrize("place", ["default", "quarantine"])
def test_many_go_with_one_request_and_what_is_not_there_is_not_left(s3, place):
    save(storage=storages[place])
    s3.fail(after=1)
    assert storages[place].delete_many([*NAMES, "not there.jpeg", *NAMES]) == {}
    assert storages[place].delete_many([]) == {}
    s3.mend()
    assert s3.names() == set()


@pytest.mark.once
@pytest.mark.parametrize(("place", "prefix"), [("default", ""), ("quarantine", "quarantine/")])
def test_one_that_s3_refuses_is_told_by_its_name_and_the_others_are_gone(s3, place, prefix):
    save(storage=storages[place])
    s3.protect(f"{prefix}1.jpeg")
    left = storages[place].delete_many(NAMES)
    assert {name: (type(error), error.strerror) for name, error in left.items()} == {
        "1.jpeg": (StorageDown, "S3 refuses: AccessDenied")
    }
    assert s3.names() == {f"{prefix}1.jpeg"}


@pytest.mark.once
def test_an_outage_in_the_middle_leaves_the_rest(s3, monkeypatch):
    monkeypatch.setattr(buckets, "MOST_KEYS", 2)
    save()
    s3.fail(after=1)
    left = default_storage.delete_many(NAMES)
    assert {name: error.strerror for name, error in left.items()} == dict.fromkeys(
        NAMES[2:], "S3 refuses: SlowDown"
    )
    s3.mend()
    assert s3.names() == set(NAMES[2:])


@pytest.mark.once
def test_who_knows_no_deletion_of_many_is_asked_one_by_one(s3):
    save()
    s3.protect("1.jpeg")
    s3.lack("POST")
    assert set(default_storage.delete_many(NAMES)) == {"1.jpeg"}
    s3.mend()
    assert s3.names() == {"1.jpeg"}


@pytest.mark.once
def test_of_two_storages_the_second_lets_go_first(s3):
    both = FallbackStorage(first="filesystem", then="s3")
    for alias in ("filesystem", "s3"):
        save(storage=storages[alias])
    s3.protect("1.jpeg")
    assert set(both.delete_many(NAMES)) == {"1.jpeg"}
    # Killed now, or told of what is left, somebody deletes it again: it is still found.
    assert (stored_files(storages["filesystem"]), s3.names()) == ({"1.jpeg"}, {"1.jpeg"})


@pytest.mark.once
def test_local_files_are_deleted_one_by_one(tmp_path, settings):
    save()
    default_storage.save("folder/file.jpeg", ContentFile(b"x"))
    left = default_storage.delete_many(["folder", *NAMES, "not there.jpeg"])
    assert set(left) == {"folder"}
    assert stored_files() == {"folder/file.jpeg"}


# --- by those who delete


@pytest.mark.django_db
def test_pruning_asks_s3_once_for_a_batch_and_says_what_is_left(s3, caplog, django_capture_on_commit_callbacks):
    device, _ = make_device()
    captures = [make_capture(device, seed=seed) for seed in range(3)]
    s3.protect(captures[0].storage_key)
    s3.fail(after=1)
    with django_capture_on_commit_callbacks(execute=True):
        pks = [capture.pk for capture in captures]
        assert delete_due(org=device.org, pks=pks, at=timezone.now()).pictures == 3
    s3.mend()
    assert s3.names() == {captures[0].storage_key}
    assert f"The file {captures[0].storage_key} could not be removed" in caplog.text
    assert "1 files of deleted pictures could not be removed" in caplog.text


@pytest.mark.django_db
def test_the_rows_go_first_so_that_an_outage_leaves_no_row_without_bytes(s3, django_capture_on_commit_callbacks):
    capture = make_capture()
    s3.fail()
    with django_capture_on_commit_callbacks(execute=True):
        assert delete_due(org=capture.org, pks=[capture.pk], at=timezone.now()) == Deleted(1, capture.byte_size)
    s3.mend()
    assert (Capture.unscoped.count(), s3.names()) == (0, {capture.storage_key})


@pytest.mark.django_db(transaction=True)
def test_an_organization_is_not_deleted_as_long_as_one_of_its_files_is(s3):
    device, _ = make_device()
    kept, *_ = [make_capture(device, seed=seed) for seed in range(3)]
    deletion = make_deletion(org=device.org, due_at=timezone.now())
    s3.protect(kept.storage_key)
    with pytest.raises(StorageDown, match="AccessDenied"):
        delete_organization(deletion)
    assert s3.names() == {kept.storage_key}
    assert Deletion.objects.values_list("files", "finished_at").get() == (2, None)
    s3.protect()
    Deletion.objects.update(claimed_until=timezone.now() - LEASE)
    done = delete_organization(Deletion.objects.get())
    assert (done.files, s3.names()) == (3, set())


@pytest.mark.django_db
def test_the_sweep_fails_when_something_of_the_quarantine_stays(s3):
    save(["x/1.jpeg", "x/2.jpeg"], storages["quarantine"])
    s3.protect("quarantine/x/1.jpeg")
    with pytest.raises(StorageDown, match="AccessDenied"):
        sweep_files(now=timezone.now() + QUARANTINE)
    assert s3.names() == {"quarantine/x/1.jpeg"}
    s3.protect()
    assert sweep_files(now=timezone.now() + QUARANTINE).deleted == ["x/1.jpeg"]
