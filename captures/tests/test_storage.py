"""Bytes are on the disk before their row is, nothing half-written stays, and what was left over is swept."""

import os
import resource
import subprocess
import time
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from captures import upkeep
from captures.models import Capture, HousekeepingRun, RetentionPolicy
from captures.retention.tasks import prune_tonight
from captures.services import store_capture
from captures.storage import thumbnail_key
from captures.upkeep import SweepHeld, SweepReport, hold_upkeep_after_restore, sweep_files, sweep_files_daily
from tests.builders import MOMENT, make_capture, make_device, make_jpeg, make_org, make_picture, stored_files
from tests.problems import refused
from tests.threads import at_once

pytestmark = pytest.mark.django_db
DAYS = 24 * 60 * 60


def upload(key: str, data: bytes, record_id: str = "r1"):
    return Client().post(
        f"/v1/captures?record_id={record_id}",
        data,
        content_type="image/jpeg",
        headers={"Authorization": f"Bearer {key}"},
    )


# --- the order of things


@pytest.fixture
def journal(monkeypatch):
    """What is asked of the operating system and of the database, in order. Everything is really done."""
    events: list[tuple[str, str]] = []
    fsync, replace, mkdir = os.fsync, os.replace, os.mkdir

    def path_of(descriptor: int) -> str:
        return os.readlink(f"/proc/self/fd/{descriptor}")

    def noting_fsync(descriptor):
        events.append(("fsync", path_of(descriptor)))
        fsync(descriptor)

    def noting_replace(source, target, **options):
        events.append(("rename", str(target)))
        replace(source, target, **options)

    def noting_mkdir(path, *arguments, **options):
        mkdir(path, *arguments, **options)
        events.append(("mkdir", str(path)))

    def noting_execute(execute, sql, params, many, context):
        if sql.startswith("INSERT") and "captures_capture" in sql:
            events.append(("insert", "captures_capture"))
        return execute(sql, params, many, context)

    monkeypatch.setattr(os, "fsync", noting_fsync)
    monkeypatch.setattr(os, "replace", noting_replace)
    monkeypatch.setattr(os, "mkdir", noting_mkdir)
    with connection.execute_wrapper(noting_execute):
        yield events


def test_the_bytes_then_the_name_then_the_row_are_made_durable(journal):
    _, key = make_device()
    journal.clear()
    assert upload(key, make_jpeg(1)).status_code == 201
    path = Path(default_storage.path(Capture.unscoped.get().storage_key))
    made = [name for event, name in journal if event == "mkdir"]
    assert made[-1] == str(path.parent)
    for name in made:  # each folder's name is synced into the folder that holds it, before the picture comes
        at = journal.index(("mkdir", name))
        assert journal[at + 1] == ("fsync", str(Path(name).parent))
    begun = next(at for at, (_, name) in enumerate(journal) if name.endswith(".part"))
    draft, *rest = journal[begun:]
    assert draft[0] == "fsync"
    assert draft[1].startswith(f"{path.parent}/.{path.name}.")
    assert rest == [("rename", str(path)), ("fsync", str(path.parent)), ("insert", "captures_capture")]


def test_a_second_picture_of_the_day_costs_two_syncs(journal):
    _, key = make_device()
    upload(key, make_jpeg(1))
    journal.clear()
    upload(key, make_jpeg(2), "r2")
    assert [event for event, _ in journal] == ["fsync", "rename", "fsync", "insert"]


@pytest.mark.django_db(transaction=True)
def test_the_row_is_committed_when_the_receipt_is_given():
    _, key = make_device()
    assert upload(key, make_jpeg()).status_code == 201
    assert at_once(lambda _: Capture.unscoped.filter(record_id="r1").count(), 1) == [1]  # another connection


def test_a_commit_is_on_the_disk_before_it_is_believed():
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA synchronous")
            assert cursor.fetchone() == (2,)  # FULL
            cursor.execute("PRAGMA journal_mode")
            assert cursor.fetchone() == ("wal",)
        else:
            cursor.execute("SHOW synchronous_commit")
            assert cursor.fetchone() == ("on",)


# --- no room


@pytest.fixture
def full_disk(settings, tmp_path):
    """A real filesystem with room for some 200 KB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small filesystem")
    settings.MEDIA_ROOT = folder
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_an_outage_and_leaves_nothing_half_written(full_disk):
    _, key = make_device()
    large = make_picture("PNG", size=(640, 480))
    assert len(large) > 256 * 1024
    assert refused(upload(key, large)) == (503, "storage_unavailable", True, True)
    assert (stored_files(), Capture.unscoped.count()) == (set(), 0)
    assert upload(key, make_jpeg()).status_code == 201  # what still fits is still taken
    assert refused(upload(key, large, "r2")) == (503, "storage_unavailable", True, True)
    assert stored_files() == {Capture.unscoped.get().storage_key}


@pytest.fixture
def file_size_limit():
    """The kernel lets no file grow beyond 2 MB: the write breaks off in the middle."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * 1024 * 1024, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_that_breaks_off_leaves_nothing_and_the_same_upload_succeeds_later(file_size_limit):
    _, key = make_device()
    large = make_picture("PNG", size=(1600, 1200), compress_level=0)
    assert len(large) > 2 * 1024 * 1024
    assert refused(upload(key, large)) == (503, "storage_unavailable", True, True)
    assert (stored_files(), Capture.unscoped.count()) == (set(), 0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert upload(key, large).status_code == 201
    assert stored_files() == {Capture.unscoped.get().storage_key}


def test_a_folder_that_cannot_be_made_is_an_outage(settings, tmp_path):
    device, key = make_device()
    settings.MEDIA_ROOT.mkdir()
    (settings.MEDIA_ROOT / str(device.org_id)).write_text("in the way")
    assert refused(upload(key, make_jpeg())) == (503, "storage_unavailable", True, True)
    assert not Capture.unscoped.exists()


# --- the sweep


def age(*keys: str, days: float, storage=default_storage) -> None:
    moment = time.time() - days * DAYS
    for key in keys:
        os.utime(storage.path(key), (moment, moment))


def left_over(key: str, *, days: float = 2, content: bytes = b"left") -> str:
    default_storage.save(key, ContentFile(content))
    age(key, days=days)
    return key


def sweep(*arguments: str) -> list[str]:
    out = StringIO()
    call_command("sweep_files", *arguments, stdout=out)
    return out.getvalue().splitlines()


@pytest.fixture
def world():
    """A picture with its thumbnail, one without, and what crashes leave behind; all of it two days old."""
    judged, fresh = make_capture(), make_capture()
    thumbnail = default_storage.save(thumbnail_key(judged.storage_key), ContentFile(b"small"))
    Capture.unscoped.filter(pk=judged.pk).update(thumbnail_key=thumbnail)
    kept = {judged.storage_key, thumbnail, fresh.storage_key}
    folder = judged.storage_key.rpartition("/")[0]
    orphans = {
        left_over(f"{folder}/018f0000-0000-7000-8000-000000000000.jpeg"),
        left_over(f"{folder}/018f0000-0000-7000-8000-000000000001.png"),
        left_over(f"{folder}/018f0000-0000-7000-8000-000000000001_thumb.jpeg"),
        left_over(thumbnail_key(fresh.storage_key)),  # made by a worker that died before it told the row
        left_over(f"{folder}/.018f.jpeg.0a1b2c3d.part"),
        left_over("readiness/0123456789abcdef"),
    }
    foreign = {left_over("2025/10/20/an-old-archive.jpeg"), left_over("elsewhere/notes.txt")}
    age(*kept, days=400)
    return kept | foreign, orphans


def test_a_dry_run_says_what_would_be_done_and_does_nothing(world):
    kept, orphans = world
    *lines, total = sweep("--dry-run")
    assert sorted(lines) == sorted(f"would be quarantined  {key}" for key in orphans)
    assert total == "11 files older than a day: 6 would be quarantined, 0 would be deleted from the quarantine."
    assert stored_files() == kept | orphans
    assert stored_files(storages["quarantine"]) == set()


def test_the_sweep_moves_what_no_row_speaks_of_and_nothing_else(world):
    kept, orphans = world
    *lines, total = sweep()
    assert sorted(lines) == sorted(f"quarantined  {key}" for key in orphans)
    assert total == "11 files older than a day: 6 quarantined, 0 deleted from the quarantine."
    assert stored_files() == kept
    assert stored_files(storages["quarantine"]) == orphans
    assert {storages["quarantine"].open(key).read() for key in orphans} == {b"left"}
    assert sweep() == ["5 files older than a day: 0 quarantined, 0 deleted from the quarantine."]


def test_after_a_restore_nothing_is_swept_until_an_operator_says_so():
    left_over("readiness/of-a-look-that-was-killed", days=0)
    assert hold_upkeep_after_restore() == 0
    default_storage.delete("readiness/of-a-look-that-was-killed")
    key = left_over(f"{make_org().pk}/newer-than-the-backup", days=2)
    assert hold_upkeep_after_restore() == 1
    sweep_files_daily()
    with pytest.raises(SweepHeld):
        sweep_files()
    old = make_capture(minutes=-60 * 24 * 400)
    RetentionPolicy.unscoped.create(org=old.org, days=30)
    prune_tonight()
    assert stored_files() == {key, old.storage_key}
    call_command("prune", org=old.org.slug, stdout=StringIO())  # by hand it can be done
    assert not old.org.captures.exists()
    assert sweep("--dry-run")[0] == f"would be quarantined  {key}"
    assert sweep("--resume")[0] == f"quarantined  {key}"


def test_a_file_is_left_alone_for_a_day():
    young = left_over("readiness/young.jpeg", days=0.99)
    old = left_over("readiness/old.jpeg", days=1.01)
    assert sweep_files().quarantined == [old]
    assert stored_files() == {young}


def test_the_quarantine_keeps_a_file_for_thirty_days_from_when_it_came():
    key = left_over("readiness/ancient.jpeg", days=500)
    sweep_files()
    assert sweep_files().deleted == []
    quarantine = storages["quarantine"]
    age(key, days=29.9, storage=quarantine)
    assert sweep_files().deleted == []
    age(key, days=30.1, storage=quarantine)
    assert sweep("--dry-run")[0] == f"would be deleted  {key}"
    assert stored_files(quarantine) == {key}
    assert sweep()[0] == f"deleted  {key}"
    assert stored_files(quarantine) == set()


def test_a_moment_may_be_given_instead_of_now():
    key = left_over("readiness/new.jpeg", days=0)
    assert sweep_files(now=timezone.now() + timedelta(days=2), dry_run=True).quarantined == [key]


def test_a_sweep_says_that_it_goes_on(monkeypatch):
    monkeypatch.setattr(upkeep, "BATCH", 2)
    for number in range(3):
        left_over(f"readiness/{number}")
    seen: list[int] = []
    sweep_files(note=seen.append)
    assert seen == [2, 3, 3, 3]


def test_an_empty_storage_is_swept_without_a_word():
    assert sweep() == ["0 files older than a day: 0 quarantined, 0 deleted from the quarantine."]
    sweep_files_daily()


def test_a_picture_of_any_format_keeps_its_thumbnail():
    device, _ = make_device()
    for number, kind in enumerate(("JPEG", "PNG", "WEBP")):
        capture, _ = store_capture(device=device, data=make_picture(kind), captured_at=MOMENT)
        key = left_over(thumbnail_key(capture.storage_key), content=bytes(number))
        Capture.unscoped.filter(pk=capture.pk).update(thumbnail_key=key)
    assert sweep_files().quarantined == []


def test_the_sweep_asks_for_many_files_at_once(django_assert_num_queries):
    for number in range(30):
        left_over(f"readiness/{number}.jpeg")
    with django_assert_num_queries(2):  # pictures, and exports
        assert len(sweep_files(dry_run=True).quarantined) == 30


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_do_not_get_in_each_others_way():
    orphans = {left_over(f"readiness/{number}.jpeg") for number in range(60)}
    reports = at_once(lambda _: sweep_files(), 3)
    assert [type(report) for report in reports] == [SweepReport] * 3
    assert stored_files() == set()
    assert stored_files(storages["quarantine"]) == orphans
    assert {storages["quarantine"].open(key).read() for key in orphans} == {b"left"}


def test_a_file_in_the_quarantine_that_a_row_speaks_of_goes_back_instead_of_being_deleted():
    capture = make_capture()
    key, quarantine = capture.storage_key, storages["quarantine"]
    data = default_storage.open(key).read()
    quarantine.save(key, ContentFile(data))
    default_storage.delete(key)
    age(key, days=31, storage=quarantine)
    assert sweep("--dry-run")[0] == f"would be restored  {key}"
    report = sweep_files()
    assert (report.deleted, report.restored) == ([], [key])
    assert default_storage.open(key).read() == data
    assert stored_files(quarantine) == set()


def test_a_row_that_comes_while_its_file_is_moved_gets_it_back(monkeypatch):
    capture = make_capture()
    age(capture.storage_key, days=2)
    real, answers = upkeep._without_row, [True, True, False]  # not there when chosen, nor when moved; then it is
    monkeypatch.setattr(upkeep, "_without_row", lambda keys: keys if answers.pop(0) else real(keys))
    sweep_files()
    assert answers == []
    assert stored_files() == {capture.storage_key}
    assert stored_files(storages["quarantine"]) == set()


def test_the_days_sweep_is_done_once_and_says_what_it_did():
    left_over("readiness/old.jpeg")
    for _ in range(2):
        sweep_files_daily()
    run = HousekeepingRun.objects.get()
    assert (run.job, run.state) == ("sweep", "done")
    assert run.report == {"files": 1, "quarantined": 1, "deleted": 0, "restored": 0}
