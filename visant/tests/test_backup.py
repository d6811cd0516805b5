"""Backups made and tried in this process: what is in them, what is wrong with the pictures, which ones stay."""

import hashlib
import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.utils import timezone

from captures.models import Capture
from captures.storage import thumbnail_key
from orgs.commands import UNREACHABLE
from orgs.models import Organization
from tests.builders import logged_in, make_capture, make_device, make_jpeg, make_operator, make_org
from visant.backup.errors import BackupError, NotComplete, NotEmpty, UnknownVersion
from visant.backup.folder import complete_backups, content_path, find_backup, locked
from visant.backup.making import make_backup
from visant.backup.pictures import UNREADABLE_IN_A_ROW, copy_out
from visant.backup.restoring import restore_backup
from visant.backup.verifying import verify_backup
from visant.models import Backup

# A snapshot is taken by a connection of its own, which sees only what was committed.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def root(tmp_path) -> Path:
    return tmp_path / "backups"


def with_thumbnail(capture: Capture) -> Capture:
    key = default_storage.save(thumbnail_key(capture.storage_key), ContentFile(make_jpeg(100_000)))
    Capture.unscoped.filter(pk=capture.pk).update(thumbnail_key=key)
    capture.refresh_from_db()
    return capture


def kept_pictures(root: Path) -> set[str]:
    return {path.name for path in (root / "pictures").glob("??/*")}


def problems(backup) -> dict[str, str]:
    return {entry.key: entry.problem for entry in backup.entries() if entry.problem}


def remove(key: str) -> None:
    Path(default_storage.path(key)).unlink()


def test_what_was_copied_is_not_copied_again(root):
    device, _ = make_device()
    first, second = with_thumbnail(make_capture(device)), make_capture(device)
    earlier = make_backup(root)
    inodes = {path: path.stat().st_ino for path in (root / "pictures").glob("??/*")}
    assert len(inodes) == 3
    remove(first.storage_key)  # what is kept already needs no storage
    third = make_capture(device)
    backup = make_backup(root)
    assert {entry.key for entry in backup.entries()} == {
        *(first.storage_key, first.thumbnail_key, second.storage_key, third.storage_key)
    }
    assert problems(backup) == {}
    assert {path: path.stat().st_ino for path in inodes} == inodes
    assert kept_pictures(root) == {entry.sha256 for entry in backup.entries()}
    assert earlier.manifest["files"]["count"] == 3
    assert backup.manifest["files"]["kept"] == 4


def test_a_missing_or_damaged_picture_is_listed_and_does_not_end_it(root, capsys):
    device, _ = make_device()
    good, missing, damaged = (make_capture(device) for _ in range(3))
    remove(missing.storage_key)
    Path(default_storage.path(damaged.storage_key)).write_bytes(b"not what it was")
    with pytest.raises(CommandError, match="2 files are missing, unreadable, damaged") as refusal:
        call_command("backup", str(root))
    assert refusal.value.returncode == 3
    told = capsys.readouterr().err.splitlines()
    assert told == [f"missing: {missing.storage_key}", f"damaged: {damaged.storage_key}"]
    backup = find_backup(root)
    assert problems(backup) == {missing.storage_key: "missing", damaged.storage_key: "damaged"}
    assert backup.manifest["files"]["problems"] == {"missing": 1, "damaged": 1}
    [entry] = [entry for entry in backup.entries() if entry.key == damaged.storage_key]
    assert backup.content(entry).read_bytes() == b"not what it was"
    assert Backup.objects.get().problems == 2
    with pytest.raises(CommandError, match="as it was made, but 2 files were missing") as refusal:
        call_command("backup", "verify", str(root))
    assert refusal.value.returncode == 3
    # Mended since: a good file is not given up for a damaged one.
    Path(default_storage.path(damaged.storage_key)).write_bytes(b"mended")
    assert copy_out(entry, backup=backup, target=default_storage).outcome.startswith("damaged in the backup")
    assert default_storage.open(damaged.storage_key).read() == b"mended"
    Path(default_storage.path(damaged.storage_key)).write_bytes(b"not what it was")
    # It is tried again the next time, when it may be there again.
    default_storage.save(missing.storage_key, ContentFile(make_jpeg(1)))
    Capture.unscoped.filter(pk=missing.pk).update(sha256=hashlib.sha256(make_jpeg(1)).hexdigest())
    assert problems(make_backup(root)) == {damaged.storage_key: "damaged"}
    assert good.storage_key in {entry.key for entry in find_backup(root).entries()}


def test_only_the_newest_stay_and_with_them_the_pictures_they_speak_of(root):
    device, _ = make_device()
    leaves, stays = make_capture(device), make_capture(device)
    make_backup(root)
    sums = {leaves.sha256, stays.sha256}
    assert kept_pictures(root) == sums
    leaves.delete()
    make_backup(root, keep=2)
    assert kept_pictures(root) == sums
    newest = make_backup(root, keep=2)
    assert kept_pictures(root) == {stays.sha256}
    assert [backup.name for backup in complete_backups(root)][-1] == newest.name
    assert len(complete_backups(root)) == 2


def test_what_was_begun_is_no_backup_and_the_next_one_clears_it_away(root, tmp_path):
    make_capture()
    whole = make_backup(root)
    begun = root / "2026-01-01T000000Z"
    (begun / "tables").mkdir(parents=True)
    (begun / "manifest.json").write_text("{}")
    others = root / "photos of my cat"
    others.mkdir()
    with pytest.raises(NotComplete, match="COMPLETE is missing"):
        find_backup(begun)
    assert find_backup(root).name == whole.name
    make_backup(root)
    assert (begun.exists(), others.exists()) == (False, True)
    with pytest.raises(NotComplete, match="no complete backup"):
        find_backup(tmp_path / "elsewhere")


def test_two_do_not_write_into_one_folder(root):
    with locked(root), pytest.raises(BackupError, match="Another backup is being made"):
        make_backup(root)


def test_what_was_altered_since_is_refused(root):
    make_capture()
    backup = make_backup(root)
    manifest = backup.folder / "manifest.json"
    before = manifest.read_text()
    manifest.write_text(before.replace('"rows": 1', '"rows": 0'))
    with pytest.raises(NotComplete, match=r"manifest .* is not as it was written"):
        find_backup(root / backup.name)
    manifest.write_text(before)
    table = backup.folder / backup.manifest["tables"][-1]["file"]
    table.write_bytes(table.read_bytes()[:-9])
    with pytest.raises(NotComplete, match=f"{table.name} is not as it was written"):
        verify_backup(find_backup(root), sample=1)


def test_secrets_are_in_it_only_when_asked_for_and_for_their_owner_only(root, settings):
    settings.SECRET_KEY, settings.VISANT_KEY_PEPPERS = "a key", {1: b"old", 2: b"new"}
    plain = make_backup(root)
    assert not list(root.rglob("secrets.json"))
    text = json.dumps(plain.manifest)
    assert "a key" not in text
    assert set(plain.manifest["secrets"]) == {"SECRET_KEY", "VISANT_KEY_PEPPERS 1", "VISANT_KEY_PEPPERS 2"}
    full = make_backup(root, with_secrets=True)
    file = full.folder / "secrets.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text()) == {"SECRET_KEY": "a key", "VISANT_KEY_PEPPERS": "1:old,2:new"}


def test_it_is_restored_only_where_nothing_is_and_only_by_who_knows_it(root):
    capture = make_capture()
    backup = make_backup(root)
    with pytest.raises(NotEmpty, match="The database has rows"):
        restore_backup(backup)
    backup.manifest["migrations"]["captures"].append("9999_from_the_future")
    with pytest.raises(UnknownVersion, match=r"captures\.9999_from_the_future.*Visant 0\.1\.0 or a later one"):
        restore_backup(backup)
    assert Capture.unscoped.get() == capture


def test_verifying_restores_every_row_and_finds_a_picture_that_went_bad(root, capsys):
    device, _ = make_device()
    capture, other = make_capture(device), make_capture(device)
    backup = make_backup(root)
    call_command("backup", "verify", str(root), sample=5)
    rows = sum(table["rows"] for table in backup.manifest["tables"])
    assert capsys.readouterr().out.splitlines()[-1].endswith(f"{rows} rows restored and compared, 2 files opened.")
    noted = Backup.objects.get()
    assert (noted.rows, noted.files, noted.verify_problems) == (rows, 2, 0)
    assert timezone.now() - noted.verified_at < timedelta(minutes=1)

    content_path(root, capture.sha256).write_bytes(make_jpeg(7))
    content_path(root, other.sha256).unlink()
    report = verify_backup(backup, sample=2)
    assert sorted(report.problems) == [f"damaged: {capture.storage_key}", f"missing: {other.storage_key}"]
    assert Backup.objects.get().verify_problems == 2
    # A backup that looks again mends it.
    assert problems(make_backup(root, recheck=True)) == {}
    assert content_path(root, capture.sha256).read_bytes() == default_storage.open(capture.storage_key).read()
    assert other.sha256 in kept_pictures(root)


def warnings() -> list[str]:
    return [message.msg for message in run_checks(databases=["default"]) if message.id == "visant.W002"]


def test_operators_are_told_when_none_was_verified_for_a_week(settings, client):
    admin = logged_in(make_operator())
    told = lambda: "messagelist" in admin.get("/admin/").content.decode()  # noqa: E731
    org = make_org()
    assert (warnings(), told()) == ([], False)  # nothing to lose yet
    now = timezone.now()
    Organization.objects.filter(pk=org.pk).update(created_at=now - timedelta(days=8))
    assert (warnings(), told()) == (["There is no backup of this installation."], True)
    made = {"made_at": now, "rows": 1, "files": 1, "bytes": 1, "problems": 0}
    backup = Backup.objects.create(folder="/mnt/backup/1", **made)
    assert warnings() == [
        "There are backups, but none was ever verified: whether they can be restored is not known."
    ]
    backup.verified_at, backup.verify_problems = now - timedelta(days=6), 0
    backup.save()
    assert (warnings(), told()) == ([], False)
    backup.verify_problems = 1
    backup.save()
    assert told()
    # An old one that is tried every week has nothing of what came since.
    backup.made_at, backup.verified_at, backup.verify_problems = now - timedelta(days=8), now, 0
    backup.save()
    [sentence] = warnings()
    assert sentence.endswith(f"{backup.made_at:%d %B %Y}: /mnt/backup/1.")
    backup.made_at, backup.problems = now, 3
    backup.save()
    [sentence] = warnings()
    assert "lacks 3 pictures" in sentence
    settings.DEBUG = True
    assert (warnings(), told()) == ([], False)


@pytest.mark.parametrize("word", ["list", "verify"])
def test_a_folder_without_a_backup_is_told_in_a_sentence(word, tmp_path):
    with pytest.raises(CommandError, match="There is no complete backup in") as refusal:
        call_command("backup", word, str(tmp_path))
    assert refusal.value.returncode == 1


def test_a_folder_above_it_is_not_made_for_its_disk_may_not_be_mounted(root):
    with pytest.raises(CommandError, match=f"There is no folder {root}. Is its disk mounted") as refusal:
        call_command("backup", str(root / "daily"))
    assert refusal.value.returncode == 1
    assert not root.exists()


def test_a_storage_that_stops_answering_ends_it(s3, root, tmp_path):
    device, _ = make_device()
    for _ in range(UNREADABLE_IN_A_ROW):
        make_capture(device)
    s3.fail("GET")
    with pytest.raises(CommandError, match=f"{UNREADABLE_IN_A_ROW} files in a row could not be read") as refusal:
        call_command("backup", str(root))
    assert refusal.value.returncode == UNREACHABLE
    assert complete_backups(root) == []
    with pytest.raises(CommandError, match="Nothing was written") as refusal:
        call_command("export_organization", device.org.slug, str(tmp_path / "export.zip"))
    assert refusal.value.returncode == UNREACHABLE


@pytest.mark.parametrize("words", [["destroy", "x"], ["verify", "list", "x"], ["verify"], ["list"]])
def test_a_word_that_is_none_is_refused_in_a_sentence(words):
    with pytest.raises(CommandError, match="Say backup PATH"):
        call_command("backup", *words)
