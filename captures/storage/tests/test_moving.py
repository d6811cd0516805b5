"""All pictures come to the other storage, whole, while the service runs; nothing goes before it was read again."""

import hashlib
from datetime import timedelta
from io import StringIO

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from captures.derivatives import aged_view_of, small_of, view_of
from captures.evaluation.services import evaluate_next
from captures.models import Capture, Export
from captures.storage import aged_key
from captures.storage.moving import move_files
from orgs import scope
from tests.builders import logged_in, make_capture, make_device, make_jpeg, make_org, owner_of, stored_files
from tests.s3 import keep_in

pytestmark = pytest.mark.django_db


def move(*arguments: str) -> str:
    out = StringIO()
    call_command("move_storage", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue().strip()


@pytest.fixture
def start(s3, settings, tmp_path):
    """Start "anew" with pictures kept here or there, as an operator does between two steps."""
    files = settings.STORAGES["filesystem"]

    def with_settings(chosen: str, fallback: str = "") -> None:
        keep_in(s3, settings, var=tmp_path, fallback=fallback if chosen == "s3" else "")
        if chosen == "filesystem":
            default = files
            if fallback:
                options = {"first": "filesystem", "then": "s3"}
                default = {"BACKEND": "captures.storage.fallback.FallbackStorage", "OPTIONS": options}
            settings.STORAGES = {**settings.STORAGES, "default": default}
            settings.VISANT_STORAGE, settings.VISANT_STORAGE_FALLBACK = "filesystem", fallback

    with_settings("filesystem")
    return with_settings


def judged() -> set[str]:
    """Two pictures, one of them with its thumbnail; return the names of the three files."""
    make_capture(seed=1)
    assert evaluate_next()
    make_capture(seed=2)
    return {key for row in Capture.unscoped.values_list("storage_key", "thumbnail_key") for key in row if key}


def test_from_files_to_s3_step_by_step_while_pictures_come_in(s3, start):
    names = judged()
    assert move("--to", "s3", "--dry-run") == "3 files: 3 would be copied."
    assert s3.names() == set()
    assert move("--to", "s3") == "3 files: 3 copied. Verified: 0. Deleted in the source: 0."
    assert s3.names() == stored_files() == names
    between = make_capture(seed=3)  # still to the files
    start("s3", fallback="filesystem")
    assert default_storage.open(between.storage_key).read() == make_jpeg(3)
    owner = logged_in(owner_of(between.org))
    assert owner.get(f"/captures/{between.pk}/image").getvalue() == make_jpeg(3)
    after = make_capture(seed=4)  # to S3 already
    assert move("--to", "s3", "--verify") == (
        "5 files: 4 there already, 1 copied. Verified: 5. Deleted in the source: 0."
    )
    assert move("--to", "s3", "--delete-source") == (
        "5 files: 5 there already. Verified: 5. Deleted in the source: 5."
    )
    assert stored_files(storages["filesystem"]) == set()
    start("s3")
    assert s3.names() == {*names, between.storage_key, after.storage_key}
    for row, seed in zip(Capture.unscoped.order_by("pk"), (1, 2, 3, 4), strict=True):
        assert default_storage.open(row.storage_key).read() == make_jpeg(seed)


def test_and_back(s3, start):
    start("s3")
    names = judged()
    start("filesystem", fallback="s3")
    assert move("--to", "filesystem", "--delete-source") == (
        "3 files: 3 copied. Verified: 3. Deleted in the source: 3."
    )
    assert (stored_files(storages["filesystem"]), s3.names()) == (names, set())


def test_a_run_that_was_ended_anywhere_is_run_again(s3, start):
    for seed in range(6):
        make_capture(seed=seed)
    s3.fail("PUT", after=2)
    with pytest.raises(CommandError, match=r"Stopped: S3 refuses: SlowDown\. Run it again; it goes on\."):
        move("--to", "s3", "--verify")
    assert 0 < len(s3.names()) < 6
    s3.mend()
    told = move("--to", "s3", "--verify")
    assert told.startswith("6 files: ")
    assert told.endswith("Verified: 6. Deleted in the source: 0.")
    assert s3.names() == stored_files()


def test_what_is_damaged_or_missing_is_said_and_nothing_of_it_deleted(s3, start):
    whole, damaged, missing = (make_capture(seed=seed) for seed in (1, 2, 3))
    start("s3", fallback="filesystem")
    files = storages["filesystem"]
    files.save(damaged.storage_key, ContentFile(b"x" * damaged.byte_size))
    files.delete(missing.storage_key)
    errors = StringIO()
    with pytest.raises(CommandError, match="2 files are not where they should be"):
        call_command("move_storage", "--to", "s3", "--delete-source", stdout=StringIO(), stderr=errors)
    assert sorted(errors.getvalue().splitlines()) == [
        f"missing in both: {missing.storage_key}",
        f"not as recorded: {damaged.storage_key}",
    ]
    assert s3.names() == {whole.storage_key}
    assert stored_files(files) == {damaged.storage_key}


def test_what_is_wrong_in_the_target_is_mended_before_the_source_goes(s3, start):
    capture = make_capture(seed=1)
    storages["s3"].save(capture.storage_key, ContentFile(b"x" * capture.byte_size))
    start("s3", fallback="filesystem")
    assert move("--to", "s3", "--delete-source").endswith("Deleted in the source: 1.")
    assert default_storage.open(capture.storage_key).read() == make_jpeg(1)


def test_nothing_is_deleted_while_pictures_still_come_into_the_source(start):
    make_capture()
    with pytest.raises(CommandError, match="New pictures still go to filesystem: set VISANT_STORAGE=s3 and"):
        move("--to", "s3", "--delete-source")


def test_without_a_bucket_it_says_what_is_missing():
    with pytest.raises(CommandError, match="VISANT_S3_BUCKET is not set"):
        move("--to", "s3")


class Pruned:
    """The files, and somebody who deletes a picture just when it is to be read."""

    def __init__(self, capture: Capture) -> None:
        self.capture = capture

    def size(self, key: str) -> int:
        return storages["filesystem"].size(key)

    def open(self, key: str):
        if key == self.capture.storage_key:
            with scope.across_organizations("somebody who deletes a picture"):
                Capture.unscoped.filter(pk=self.capture.pk).delete()
            connection.close()
            storages["filesystem"].delete(key)
        return storages["filesystem"].open(key)


@pytest.mark.django_db(transaction=True)
def test_a_picture_that_is_deleted_meanwhile_is_no_trouble(s3, start):
    capture, other = make_capture(), make_capture()
    report = move_files(source=Pruned(capture), target=storages["s3"])
    assert (report.trouble, report.total) == ([], 1)
    assert s3.names() == {other.storage_key}


def test_while_both_are_used_a_deleted_file_is_gone_from_both(s3, start):
    capture = make_capture()
    move("--to", "s3")
    start("s3", fallback="filesystem")
    assert default_storage.exists(capture.storage_key)
    assert [file.key for file in default_storage.list_files()] == [capture.storage_key]
    default_storage.delete(capture.storage_key)
    assert (s3.names(), stored_files(storages["filesystem"])) == (set(), set())
    assert not default_storage.exists(capture.storage_key)


def test_while_both_are_used_a_page_shows_pictures_of_either(s3, start):
    capture = make_capture(make_device()[0], seed=1)
    start("s3", fallback="filesystem")
    page = logged_in(owner_of(capture.org)).get(f"/captures/{capture.pk}").text
    url = page.partition('<img src="')[2].partition('"')[0]
    assert url.startswith("/pictures/")
    assert Client().get(url).getvalue() == make_jpeg(1)


def test_a_bucket_that_is_missing_is_made(s3, start, settings):
    names = judged()
    options = {**settings.STORAGES["s3"]["OPTIONS"], "bucket_name": "visant-not-made-yet"}
    settings.STORAGES = {**settings.STORAGES, "s3": {**settings.STORAGES["s3"], "OPTIONS": options}}
    assert move("--to", "s3").startswith("3 files: 3 copied.")
    assert {file.key for file in storages["s3"].list_files()} == names


def finished_export(name: str, data: bytes) -> Export:
    org = make_org()
    key = default_storage.save(f"{org.pk}/exports/{name}.zip", ContentFile(data))
    digest = hashlib.sha256(data).hexdigest()
    days = {"finished_at": timezone.now(), "expires_at": timezone.now() + timedelta(days=1)}
    return Export.unscoped.create(org=org, storage_key=key, byte_size=len(data), sha256=digest, **days)


def test_exports_go_along_there_and_back(s3, start):
    kept, damaged = finished_export("kept", b"zip" * 1000), finished_export("damaged", b"zip")
    over = finished_export("over", b"zip")
    Export.unscoped.filter(pk=over.pk).update(storage_key="")
    storages["filesystem"].save(damaged.storage_key, ContentFile(b"pzi"))
    with pytest.raises(CommandError, match="1 files are not where they should be"):
        move("--to", "s3", "--verify")
    storages["filesystem"].save(damaged.storage_key, ContentFile(b"zip"))
    start("s3", "filesystem")
    assert move("--to", "s3", "--delete-source") == (
        "2 files: 1 there already, 1 copied. Verified: 2. Deleted in the source: 2."
    )
    assert not storages["filesystem"].exists(kept.storage_key)
    start("s3")
    with default_storage.open(kept.storage_key) as file:
        assert file.read() == b"zip" * 1000
    assert "2 copied" in move("--to", "filesystem", "--verify")


def test_what_was_made_for_outsiders_is_not_moved_but_goes_from_where_it_was(s3, start):
    row = make_capture(seed=1)
    view, small = view_of(row), small_of(row)
    aged_view_of(row, "last picture 3 h ago")
    aged = aged_key(row.storage_key)
    start("s3", fallback="filesystem")
    assert move("--to", "s3") == "1 files: 1 copied. Verified: 0. Deleted in the source: 0."
    assert stored_files(storages["filesystem"]) == {row.storage_key, view, small, aged}
    assert move("--to", "s3", "--delete-source") == (
        "1 files: 1 there already. Verified: 1. Deleted in the source: 1."
    )
    assert stored_files(storages["filesystem"]) == set()
    start("s3")
    assert view_of(row) == view
    assert s3.names() == {row.storage_key, view}
