"""Missing and damaged bytes are found, shown, and mended when the picture comes again."""

from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from captures.integrity import checking
from captures.integrity.checking import FIRST, check_integrity, check_integrity_daily
from captures.integrity.runs import INTEGRITY, UPKEEP_HELD
from captures.models import Capture, HousekeepingRun, IntegrityFinding
from captures.retention.pruning import prune
from captures.retention.tests.builders import make_policy
from captures.storage import StorageDown
from orgs.limits import GB
from tests.builders import MOMENT, logged_in, make_capture, make_device, make_jpeg, make_operator, owner_of

pytestmark = pytest.mark.django_db
ALL = 10**12


def damage(capture: Capture) -> None:
    """One bit of the file, as a disk would."""
    path = Path(default_storage.path(capture.storage_key))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def lose(capture: Capture) -> None:
    default_storage.delete(capture.storage_key)


def problems() -> dict[object, str]:
    return dict(IntegrityFinding.unscoped.values_list("capture", "problem"))


def test_what_is_missing_or_damaged_is_found_and_nothing_else():
    device, _ = make_device()
    good, lost, bad = [make_capture(device, minutes=minutes) for minutes in range(3)]
    lose(lost), damage(bad)
    found = check_integrity(budget=ALL)
    assert problems() == {lost.pk: "missing", bad.pk: "damaged"}
    assert (found.looked_for, found.missing, found.damaged, found.rounds) == (3, 1, 1, 1)
    assert (found.read, found.bytes_read) == (3, sum(row.byte_size for row in (good, lost, bad)))


def test_a_whole_folder_that_is_gone_is_found():
    captures = [make_capture(make_device()[0], minutes=minutes) for minutes in (0, 60 * 24)]
    Path(default_storage.path(captures[1].storage_key)).unlink()
    Path(default_storage.path(captures[1].storage_key)).parent.rmdir()
    check_integrity(budget=0)
    assert problems() == {captures[1].pk: "missing"}


def test_it_reads_within_its_budget_and_goes_on_where_it_stopped():
    device, _ = make_device()
    captures = [make_capture(device, minutes=minutes) for minutes in range(4)]
    damage(captures[3])
    budget = captures[0].byte_size + captures[1].byte_size
    first = check_integrity(budget=budget)
    assert (first.read, first.bytes_read, first.position) == (2, budget, str(captures[1].pk))
    assert problems() == {}
    second = check_integrity(budget=ALL, start=captures[1].pk)
    assert (second.read, second.rounds, second.position) == (2, 1, str(FIRST))
    assert problems() == {captures[3].pk: "damaged"}


def test_what_is_put_back_is_found_to_be_well_again():
    capture = make_capture()
    data = Path(default_storage.path(capture.storage_key)).read_bytes()
    damage(capture)
    check_integrity(budget=ALL)
    Path(default_storage.path(capture.storage_key)).write_bytes(data)
    assert check_integrity(budget=0).mended == 1
    assert problems() == {}


@pytest.mark.parametrize("harm", [lose, damage])
def test_a_picture_that_comes_again_mends_what_was_wrong(harm):
    device, key = make_device()
    data = make_jpeg(1)
    headers = {"X-API-Key": key, "X-Visant-Record-Id": "a"}
    Client().post("/v1/captures", data, content_type="image/jpeg", headers=headers)
    capture = device.captures.get()
    harm(capture)
    check_integrity(budget=ALL)
    assert len(problems()) == 1
    again = Client().post("/v1/captures", data, content_type="image/jpeg", headers=headers)
    assert (again.status_code, problems()) == (200, {})
    assert default_storage.open(capture.storage_key).read() == data


def test_when_the_storage_is_away_nothing_is_said_of_any_picture(monkeypatch):
    make_capture()
    monkeypatch.setattr(default_storage._wrapped, "listdir", _refuse)
    with pytest.raises(OSError, match="away"):
        check_integrity(budget=ALL)
    with pytest.raises(OSError, match="away"):
        check_integrity_daily()
    run = HousekeepingRun.objects.get()
    assert (problems(), run.state, run.error) == ({}, "failed", "the storage is away")


def _refuse(name: str) -> None:
    raise OSError("the storage is away")


def test_a_picture_that_is_deleted_meanwhile_is_no_finding(monkeypatch):
    capture = make_capture()
    lose(capture)
    monkeypatch.setattr(checking, "_names_in", lambda folder: Capture.unscoped.all().delete() and set())
    check_integrity(budget=0)
    assert problems() == {}


def test_it_runs_once_a_day_and_remembers_where_it_was(settings, monkeypatch):
    monkeypatch.setattr(checking, "GB", 1)  # so that the setting counts bytes
    captures = [make_capture(make_device()[0], minutes=minutes) for minutes in range(2)]
    settings.VISANT_INTEGRITY_GB_A_DAY = captures[0].byte_size
    for _ in range(2):
        check_integrity_daily()
    run = HousekeepingRun.objects.get()
    assert (run.job, run.report["read"], run.report["position"]) == ("integrity", 1, str(captures[0].pk))
    HousekeepingRun.objects.update(day=run.day - timedelta(days=1))
    damage(captures[1])
    settings.VISANT_INTEGRITY_GB_A_DAY = GB
    check_integrity_daily()
    assert problems() == {captures[1].pk: "damaged"}
    latest = HousekeepingRun.objects.order_by("-day")[0]
    assert (latest.report["read"], latest.report["damaged"]) == (1, 1)


# --- it is shown


def test_the_page_of_a_picture_says_that_it_is_damaged():
    capture = make_capture(verdict="normal")
    client = logged_in(owner_of(capture.org))
    assert "damaged" not in client.get(f"/captures/{capture.pk}").content.decode()
    damage(capture)
    check_integrity(budget=ALL)
    assert "The bytes of this picture are damaged" in client.get(f"/captures/{capture.pk}").content.decode()


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("check_integrity", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_lists_what_is_wrong_and_fails():
    capture, lost = make_capture(), make_capture()
    assert run("--all").splitlines()[-1] == "Nothing is known to be wrong."
    damage(capture), lose(lost)
    for arguments in (["--gigabytes", "1"], ["--list"]):
        out = StringIO()
        with pytest.raises(CommandError, match="2 pictures are not as they came in") as failure:
            call_command("check_integrity", *arguments, stdout=out)
        assert failure.value.returncode == 1
        lines = out.getvalue().splitlines()[-2:]
        assert [line.split("  ")[:3] for line in lines] == [
            ["damaged", str(capture.pk), capture.org.slug],
            ["missing", str(lost.pk), lost.org.slug],
        ]


def test_operators_see_the_jobs_and_what_they_would_do():
    capture = make_capture()
    capture.org.retention_days = 5
    capture.org.save()
    lose(capture)
    check_integrity_daily()
    client = logged_in(make_operator())
    page = client.get("/admin/captures/housekeepingrun/").content.decode()
    assert "The bytes of 1 picture are missing or damaged" in page
    assert "1 looked for, 1 read" in page
    assert "held since a restore" not in page
    HousekeepingRun.objects.create(job=UPKEEP_HELD, day=timezone.now().date())
    page = client.get("/admin/captures/housekeepingrun/").content.decode()
    assert page.count("held since a restore") == 2  # prune and sweep
    for job, line in (
        ("prune", f"{capture.org.slug}, "),
        ("sweep", "quarantine: 0 files"),
        ("integrity", "Read 10 GB of them again"),
    ):
        assert line in client.get(f"/admin/captures/housekeepingrun/would/{job}/").content.decode()
    assert "Deletes 1 picture" in client.get("/admin/captures/housekeepingrun/would/prune/").content.decode()
    assert client.get("/admin/captures/housekeepingrun/would/nothing/").status_code == 404
    assert Capture.unscoped.filter(pk=capture.pk, captured_at=MOMENT).exists()
    clerk = make_operator("clerk@example.org", is_superuser=False)
    assert logged_in(clerk).get("/admin/captures/housekeepingrun/would/prune/").status_code == 403
    assert timezone.now().date() == HousekeepingRun.objects.get(job=INTEGRITY).day


# --- in a bucket


def test_in_a_bucket_pictures_are_looked_for_read_again_and_deleted(s3, django_capture_on_commit_callbacks):
    device, _ = make_device()
    _, lost, bad = [make_capture(device, minutes=minutes) for minutes in range(3)]
    lose(lost)
    default_storage.save(bad.storage_key, ContentFile(b"another picture"))
    check_integrity(budget=ALL)
    assert problems() == {lost.pk: "missing", bad.pk: "damaged"}
    make_policy(device.org, days=1)
    with django_capture_on_commit_callbacks(execute=True):
        assert prune(device.org, at=timezone.now()).pictures == 3
    assert [file.key for file in default_storage.list_files()] == []
    assert problems() == {}


def test_when_the_bucket_is_away_files_of_deleted_pictures_are_left_to_the_sweep(
    s3, caplog, django_capture_on_commit_callbacks
):
    capture, other = make_capture(), make_capture()
    make_policy(capture.org, days=1)
    with django_capture_on_commit_callbacks() as callbacks:
        prune(capture.org, at=timezone.now())
    s3.fail()
    for callback in callbacks:
        callback()
    assert "files of deleted pictures could not be removed" in caplog.text
    with pytest.raises(StorageDown):
        check_integrity(budget=ALL)
    s3.mend()
    assert {file.key for file in default_storage.list_files()} == {capture.storage_key, other.storage_key}
    assert problems() == {}
