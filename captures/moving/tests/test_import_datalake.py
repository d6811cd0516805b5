"""An archive of the single-tenant Visant is brought in: all of it once, each file accounted for."""

import csv
import json
import os
import stat
from collections import Counter
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.test import Client

from captures.evaluation.services import evaluate_next, retry_failed
from captures.models import Capture, Definition, Evaluation, EvaluationStatus
from captures.moving.cameras import Cameras
from captures.moving.folder import SourceFolder
from captures.moving.outcomes import Refused
from captures.retention.deleting import delete_capture
from devices.models import Device, DeviceKey
from orgs import scope
from orgs.commands import UNREACHABLE
from orgs.models import AuditEntry, MonthlyUsage, Organization, User
from tests.archives import TEXTS, Archive
from tests.builders import make_capture, make_device, make_jpeg, make_org, stored_files
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def archive(tmp_path) -> Archive:
    return Archive(tmp_path)


def bring_in(archive: Archive, capsys, **options) -> str:
    options = {"org": "acme", "owner": "o@example.org", "config": archive.config, **options}
    call_command("import_datalake", archive.root, **options)
    return capsys.readouterr().out


def report_of(archive: Archive, capsys, **options) -> dict[str, tuple[str, str]]:
    """What became of each file: outcome and reason, by its path."""
    path = archive.root.parent / "report.csv"
    bring_in(archive, capsys, report=path, **options)
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len({line["name"] for line in lines}) == len(list(archive.files()))
    return {line["name"]: (line["outcome"], line["reason"]) for line in lines}


def rows() -> tuple[int, ...]:
    models = (Organization, User, Device, DeviceKey, Capture, Definition, Evaluation, AuditEntry)
    return tuple(getattr(model, "unscoped", None or getattr(model, "objects", None)).count() for model in models)


def test_a_capture_keeps_all_that_was_known_of_it(archive, capsys):
    details = {"agent1": {"state": "abnormal", "score": 0.9, "reason": "Wet."}}
    path = archive.add(
        1,
        classification={"state": "abnormal", "score": 0.9, "reason": "Überschwemmung.", "agent_details": details},
        weather="rain",
    )
    printed = bring_in(archive, capsys)
    capture = Capture.unscoped.select_related("device", "definition", "org").get()
    told = json.loads(path.read_text())
    assert (capture.record_id, capture.captured_at.isoformat(), capture.received_at.isoformat()) == (
        told["record_id"],
        told["captured_at"],
        told["ingested_at"],
    )
    assert (capture.evaluation_status, capture.verdict, capture.score, capture.reason) == (
        "completed",
        "abnormal",
        0.9,
        "Überschwemmung.",
    )
    assert (capture.org.slug, capture.device.name, capture.device.external_id) == ("acme", *["Lobby Cam #2"] * 2)
    assert capture.trigger_label == "recurring-30s"
    extra = {"weather": "rain", "normal_description_file": "normal_b.txt"}
    assert capture.metadata == {**told["metadata"], "imported": extra}
    assert (capture.definition.text, capture.definition.active) == (TEXTS["normal_b.txt"], True)
    assert default_storage.open(capture.storage_key).read() == make_jpeg(1)
    assert default_storage.open(capture.thumbnail_key).read() == make_jpeg(1001)
    evaluation = capture.evaluations.get()
    assert (evaluation.provider, evaluation.verdict, evaluation.details) == (
        "imported",
        "abnormal",
        {"agent_details": details},
    )
    assert MonthlyUsage.unscoped.get().bytes == capture.byte_size
    assert "1 captures read again from the storage: 1 as in the source." in printed
    assert printed.endswith("It balances.\n")


def test_run_again_it_adds_nothing(archive, capsys):
    archive.fill(7)
    bring_in(archive, capsys, batch=3)
    before, files = rows(), stored_files()
    printed = bring_in(archive, capsys, batch=2)
    assert "21 files in the source: 0 imported, 21 already there, 0 refused" in printed
    assert (rows(), stored_files()) == (before, files)


def test_what_was_deleted_here_does_not_come_back(archive, capsys):
    archive.fill(2)
    bring_in(archive, capsys)
    first, second = Capture.unscoped.order_by("pk")
    delete_capture(capture=first, acting_user=None)
    printed = bring_in(archive, capsys)
    assert "6 files in the source: 0 imported, 3 already there, 3 refused" in printed
    assert "deleted_here" in printed
    assert Capture.unscoped.get() == second


@pytest.mark.parametrize("there", [False, True])
def test_a_trial_says_the_same_and_writes_nothing(archive, capsys, there):
    archive.fill(5)
    archive.add(9, device=None)
    if there:
        make_org(name="Acme")
        Organization.objects.update(slug="acme")
    before, files = rows(), stored_files()
    trial = bring_in(archive, capsys, dry_run=True)
    assert (rows(), stored_files()) == (before, files)
    printed = bring_in(archive, capsys)
    sums = [line for line in printed.splitlines() if "files in the source" in line or "×" in line]
    assert [line for line in trial.splitlines() if "files in the source" in line or "×" in line] == sums
    assert "18 files in the source: 15 imported, 0 already there, 3 refused" in sums[0]


def test_new_cameras_get_one_key_each_that_works(archive, capsys, tmp_path):
    archive.fill(4)
    path = tmp_path / "keys"
    printed = bring_in(archive, capsys, keys=path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    lines = [line.split("\t") for line in path.read_text().splitlines()]
    assert sorted(line[0] for line in lines) == ["Lobby Cam #2", "floor-01-cam"]
    assert "vis_dev_" not in printed
    name, pk, key = lines[0]
    said = {"device_id": name, "record_id": "next"}
    answer = Client().post(
        "/v1/captures", make_jpeg(77), "image/jpeg", query_params=said, headers={"X-API-Key": key}
    )
    assert (answer.status_code, answer.json()["device_id"]) == (201, pk)
    assert "vis_dev_" not in bring_in(archive, capsys)
    DeviceKey.unscoped.all().delete()
    with pytest.raises(CommandError, match="is there already"):
        bring_in(archive, capsys, keys=path)


def test_a_camera_that_is_there_is_matched_by_its_exact_name(archive, capsys):
    org = make_org()
    Organization.objects.update(slug="acme")
    device, _ = make_device(org)
    Device.unscoped.update(name="Gate")
    for number, name in enumerate(["Gate", "gate", "Gate ", "..", "a/b/../c", "🚪 door", "x" * 300]):
        archive.add(number, device=name)
    bring_in(archive, capsys)
    names = dict(Device.unscoped.values_list("external_id", "name"))
    assert names == {
        "Gate": "Gate",
        "gate": "gate (2)",
        "Gate ": "Gate (3)",
        "..": "..",
        "a/b/../c": "a/b/../c",
        "🚪 door": "🚪 door",
        "x" * 300: "x" * 200,
    }
    assert device.captures.count() == 1
    assert all(Path(name).parts[0] == str(org.pk) and ".." not in name for name in stored_files())


# --- real disks


ODD_FILES = {
    "cut": "not_json",
    "nothing": "empty",
    "list": "foreign_json",
    "foreign": "foreign_json",
    "nan": "not_json",
    "other": "other_record_id",
    "nodevice": "no_device",
    "nomoment": "bad_moment",
    "future": "impossible_moment",
    "nul": "not_storable",
    "half": "not_storable",
    "deep": "not_json",
    "long": "bad_device",
    "leads": "foreign_name",
    "score": "bad_score",
    "alone": "picture_without_record",
    "alone_thumb": "thumbnail_without_record",
    "dangling": "link",
    "linked": "link",
    "Thumbs": "foreign_file",
    "up": "link",
    "index": "not_in_a_day",
    "pipe": "no_file",
}


def test_each_odd_file_is_refused_for_its_reason_and_stops_nothing(archive, capsys, tmp_path):
    good = archive.add(0)
    day = good.parent
    outside = tmp_path / "outside.jpeg"
    outside.write_bytes(make_jpeg(5))
    at = "2025-10-20T07:00:00+00:00"

    def refused(name: str, content: bytes | dict) -> None:
        data = json.dumps(content).encode() if isinstance(content, dict) else content
        (day / f"{name}.json").write_bytes(data)

    refused("cut", good.read_bytes()[:200])
    refused("nothing", b"")
    refused("list", b"[1, 2]")
    refused("foreign", {"hello": "world"})
    refused("nan", good.read_bytes().replace(b"0.25", b"NaN"))
    refused("other", {"record_id": "another", "captured_at": at, "metadata": {"device_id": "x"}})
    refused("nodevice", {"record_id": "nodevice", "captured_at": at})
    refused("nomoment", {"record_id": "nomoment", "metadata": {"device_id": "x"}})
    refused(
        "future", {"record_id": "future", "captured_at": "2925-01-01T00:00:00Z", "metadata": {"device_id": "x"}}
    )
    refused("nul", {"record_id": "nul", "captured_at": at, "metadata": {"device_id": "x\0y"}})
    refused("half", {"record_id": "half", "captured_at": at, "metadata": {"device_id": "\ud83d"}})
    refused("deep", b'{"record_id":' + b"[" * 100_000)
    refused("long", {"record_id": "long", "captured_at": at, "metadata": {"device_id": "x" * 501}})
    refused(
        "leads",
        {"record_id": "leads", "captured_at": at, "metadata": {"device_id": "x"}, "image_filename": "../x.jpeg"},
    )
    bad = {"state": "abnormal", "score": 7}
    refused(
        "score", {"record_id": "score", "captured_at": at, "metadata": {"device_id": "x"}, "classification": bad}
    )
    archive.add(1, picture=b"")
    archive.add(2, picture=make_jpeg(2)[:300])
    archive.add(3, picture=b"GIF89a" + bytes(100))
    thumb = archive.add(4, thumbnail=b"broken")
    linked = archive.add(5, picture=None)
    linked.with_suffix(".jpeg").symlink_to(outside)
    piped = archive.add(6, picture=None)
    os.mkfifo(piped.with_suffix(".jpeg"))
    folded = archive.add(7, picture=None)
    folded.with_suffix(".jpeg").mkdir()
    (day / "alone.jpeg").write_bytes(make_jpeg(8))
    (day / "alone_thumb.jpeg").write_bytes(make_jpeg(8))
    (day / "dangling.json").symlink_to(tmp_path / "nowhere")
    (day / "linked.json").symlink_to(good)
    (day / "Thumbs.db").write_bytes(b"x")
    (archive.root / "up").symlink_to(tmp_path)
    (archive.root / "index.json").write_bytes(b"{}")
    os.mkfifo(day / "pipe.json")
    (day / os.fsdecode(b"\xff\xfe.json")).write_bytes(b"{}")

    fates = report_of(archive, capsys)
    reasons = {Path(name).stem: reason for name, (outcome, reason) in fates.items() if outcome == "refused"}
    assert {stem: reason for stem, reason in reasons.items() if stem in ODD_FILES} == ODD_FILES
    counts = Counter(reason for _, reason in fates.values())
    assert counts["empty_picture"] == counts["broken_picture"] == counts["not_a_picture"] == 3
    assert (counts["picture_link"], counts["picture_no_file"], counts["thumbnail: not_a_picture"]) == (2, 2, 1)
    kept = set(Capture.unscoped.values_list("record_id", flat=True))
    assert kept == {good.stem, thumb.stem, folded.stem}
    mended = Capture.unscoped.get(record_id=thumb.stem)
    assert default_storage.open(mended.thumbnail_key).read(2) == b"\xff\xd8"
    assert make_jpeg(5) not in [default_storage.open(name).read() for name in stored_files()]


def test_moments_with_and_without_an_offset_and_none(archive, capsys):
    archive.add(0, captured_at="2025-10-20T09:00:00+02:00", ingested_at="2025-10-20T07:00:01")
    archive.add(1, captured_at="2025-10-20T09:00:00", ingested_at=None)
    assert "1 × capture of a doubtful moment: it came without an offset and was read as UTC; when it" in bring_in(
        archive, capsys
    )
    moments = Capture.unscoped.order_by("captured_at").values_list("captured_at", "received_at")
    assert [[at.isoformat()[11:19] for at in pair] for pair in moments] == [
        ["07:00:00", "07:00:01"],
        ["09:00:00", "09:00:00"],
    ]


def test_the_same_record_twice_is_one_and_another_under_its_name_is_refused(archive, capsys):
    first = archive.add(0, record_id="twice")
    for number, picture in ((9, make_jpeg(0)), (10, make_jpeg(1))):
        copy = archive.add(number, record_id="twice", picture=picture, captured_at="2025-10-20T07:00:00+00:00")
        assert copy.parent != first.parent
    archive.add(20, record_id="same-picture", picture=make_jpeg(0), captured_at="2025-10-20T07:00:00+00:00")
    for batch in (1, 100):
        fates = report_of(archive, capsys, batch=batch, dry_run=batch == 100)
        assert Counter(fates.values())["refused", "record_id_taken"] == 3
        assert Counter(fates.values())["refused", "same_picture"] == 3
    assert Capture.unscoped.count() == 1


def test_of_one_moment_without_pictures_each_is_kept_and_deleted_for_itself(archive, capsys):
    for number, record_id in enumerate(("first", "second")):
        archive.add(number, record_id=record_id, picture=None, captured_at="2025-10-20T07:00:00+00:00")
    assert "4 imported, 0 already there, 0 refused" in bring_in(archive, capsys, dry_run=True)
    bring_in(archive, capsys)
    assert list(Capture.unscoped.order_by("record_id").values_list("record_id", "verdict")) == [
        ("first", "normal"),
        ("second", "abnormal"),
    ]
    delete_capture(capture=Capture.unscoped.get(record_id="first"), acting_user=None)
    archive.add(0, record_id="third", picture=None, captured_at="2025-10-20T07:00:00+00:00")
    fates = report_of(archive, capsys)
    outcomes = {Path(name).stem: fate for name, fate in fates.items() if name.endswith(".json")}
    assert outcomes == {
        "first": ("refused", "deleted_here"),
        "second": ("already there", ""),
        "third": ("imported", ""),
    }


def test_a_late_picture_that_another_capture_of_the_moment_has_completes_nothing(archive, capsys):
    at = {"captured_at": "2025-10-20T07:00:00+00:00"}
    archive.add(0, record_id="whole", **at)
    late = archive.add(1, record_id="late", picture=None, **at)
    bring_in(archive, capsys)
    late.with_suffix(".jpeg").write_bytes(make_jpeg(0))
    fates = report_of(archive, capsys)
    assert {name.rpartition("/")[2]: fate for name, fate in fates.items() if "late." in name} == {
        "late.json": ("refused", "same_picture"),
        "late.jpeg": ("refused", "same_picture"),
    }
    assert Capture.unscoped.get(record_id="late").storage_key == ""


def test_what_was_kept_without_its_picture_says_so_and_is_completed_once_that_comes(archive, capsys):
    archive.add(0, picture=None)
    pruned = archive.add(1)
    picture = pruned.with_suffix(".jpeg")
    away = picture.rename(archive.root.parent / "away.jpeg")
    printed = bring_in(archive, capsys)
    assert "1 × capture whose picture was never stored" in printed
    assert "1 × capture whose picture was pruned, or not copied" in printed
    assert set(Capture.unscoped.values_list("storage_key", "byte_size", "sha256")) == {("", 0, "")}
    assert Capture.unscoped.exclude(thumbnail_key="").count() == 2
    away.rename(picture)
    assert "3 imported" in bring_in(archive, capsys)
    capture = Capture.unscoped.get(record_id=pruned.stem)
    assert default_storage.open(capture.storage_key).read() == make_jpeg(1)
    assert (capture.verdict, capture.evaluations.count()) == ("abnormal", 1)
    assert "0 imported, 5 already there" in bring_in(archive, capsys)
    picture.unlink()
    assert "0 imported, 4 already there" in bring_in(archive, capsys)


@pytest.mark.parametrize("lost", ["storage_key", "thumbnail_key"])
def test_what_the_storage_lost_comes_back_from_the_source(archive, capsys, lost):
    archive.fill(2)
    bring_in(archive, capsys)
    capture = Capture.unscoped.order_by("pk").first()
    path = Path(default_storage.path(getattr(capture, lost)))
    before, there = path.read_bytes(), rows()
    path.unlink()
    told = "note: 1 × capture of which the storage had lost a file: it comes back from the source"
    with pytest.raises(CommandError, match="does not balance"):
        bring_in(archive, capsys, dry_run=True)
    assert told in capsys.readouterr().out
    assert not path.exists()
    printed = bring_in(archive, capsys)
    assert told in printed
    assert "It balances." in printed
    assert (path.read_bytes(), rows()) == (before, there)
    assert told not in bring_in(archive, capsys)


@pytest.mark.parametrize("judge", [False, True])
def test_what_was_never_judged_is_not_normal_and_waits_only_if_asked(archive, capsys, judge):
    archive.add(0, classification=None)
    archive.add(1, classification={"state": "error", "score": None, "reason": "Quota exceeded."})
    archive.add(2, classification=None, picture=None)
    printed = bring_in(archive, capsys, judge=judge)
    assert "× capture without a verdict" in printed
    found = Capture.unscoped.order_by("captured_at").values_list("evaluation_status", "verdict", "reason")
    unjudged = ("skipped", None, "It was not judged before it was imported.")
    failed = ("failed", None, "It could not be judged before it was imported: Quota exceeded.")
    waiting = ("pending", None, "")
    assert list(found) == [waiting, waiting, unjudged] if judge else [unjudged, failed, unjudged]
    if judge:
        assert evaluate_next()
        assert evaluate_next()
        assert not evaluate_next()
    else:
        assert retry_failed(captures=Capture.unscoped.all()) == 2
        assert Capture.unscoped.filter(evaluation_status=EvaluationStatus.PENDING).count() == 2


def test_definitions_become_versions_and_the_last_one_used_holds(archive, capsys):
    archive.fill(4, devices=("one",))
    archive.add(6, device="one", normal_description_file="normal_lost.txt")
    printed = bring_in(archive, capsys)
    versions = Definition.unscoped.order_by("version").values_list("text", "active")
    assert list(versions) == [(TEXTS["normal_a.txt"], False), (TEXTS["normal_b.txt"], True)]
    assert "1 × capture names a definition whose text is not there (--config)" in printed
    assert Capture.unscoped.get(definition=None).metadata["imported"] == {
        "normal_description_file": "normal_lost.txt"
    }


def test_a_changed_picture_in_the_storage_does_not_balance(archive, capsys):
    archive.fill(2)
    bring_in(archive, capsys)
    capture = Capture.unscoped.order_by("pk").first()
    path = Path(default_storage.path(capture.storage_key))
    path.write_bytes(make_jpeg(99))
    with pytest.raises(CommandError, match="It does not balance: 1 differences"):
        bring_in(archive, capsys)
    assert "is not that of the source" in capsys.readouterr().err
    capture.delete()
    archive.fill(3)
    assert "1 captures read again from the storage: 1 as" in bring_in(archive, capsys, sample=1)


def test_cameras_beyond_the_plan_are_refused_and_come_in_once_there_is_room(archive, capsys):
    make_org()
    Organization.objects.update(slug="acme", device_limit=1)
    archive.fill(4)
    for dry_run in (True, False):
        assert "6 imported, 0 already there, 6 refused" in bring_in(archive, capsys, dry_run=dry_run)
    Organization.objects.update(device_limit=2)
    assert "6 imported, 6 already there, 0 refused" in bring_in(archive, capsys)


def test_a_camera_of_another_organization_is_never_taken(archive, capsys):
    theirs = make_capture()
    Device.unscoped.update(name="Lobby Cam #2", external_id="Lobby Cam #2")
    archive.add(0)
    bring_in(archive, capsys)
    assert theirs.device.captures.count() == 1
    assert Device.unscoped.count() == 2


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"owner": None}, "There is no organization 'acme'. Name its --owner"),
        ({"org": "Not A Slug"}, "cannot be founded. Slug: Enter a valid"),
        ({"org": ""}, "cannot be founded"),
        ({"owner": "notmail"}, "valid email address"),
        ({"keys": Path("/nowhere/keys")}, "no folder /nowhere that we may write"),
        ({"keys": Path("/etc/hostname/keys")}, "no folder /etc/hostname that we may write"),
        ({"keys": Path("/etc/hostname")}, "is there already; name a new file"),
        ({"keys": Path("/nowhere/one"), "report": Path("/nowhere/./one")}, "is to be the report as well"),
        ({"storage": "s3"}, "would not find them in “s3”"),
        ({"config": Path("/nowhere")}, "cannot be read"),
        ({"report": Path("/nowhere/report.csv")}, "cannot be written"),
    ],
)
def test_a_wrong_option_is_told_in_a_sentence(archive, capsys, options, sentence):
    archive.add(0)
    for dry_run in (True, False):
        with pytest.raises(CommandError, match=sentence):
            bring_in(archive, capsys, dry_run=dry_run, **options)
    assert not Capture.unscoped.exists()
    assert not Organization.objects.exists()


def test_a_count_is_a_number(archive):
    with pytest.raises(CommandError, match="must be a whole number, 0 or more"):
        call_command("import_datalake", archive.root, "--org", "acme", "--sample=-3")


def test_a_folder_that_is_no_archive_is_told(archive, capsys):
    top = archive.root
    for wrong in (top, top / "2025", top.parent):
        with pytest.raises(CommandError, match=r"No file in .* of a day.* name the one above the years"):
            call_command("import_datalake", wrong, org="acme", owner="o@example.org")
        assert not Organization.objects.exists()
        archive.add(0)


def test_an_archive_of_which_nothing_can_be_taken_is_told(archive, capsys):
    archive.add(0).write_text("{")
    assert "1 imported" not in bring_in(archive, capsys)


def test_one_import_at_a_time_comes_into_an_organization(archive, tmp_path):
    """The other one is told; and whoever is told comes once the first has ended."""
    archive.fill(6)

    def run(_: int) -> None:
        call_command("import_datalake", archive.root, org="acme", owner="o@example.org")

    refusals = [outcome for outcome in at_once(run) if isinstance(outcome, CommandError)]
    assert all("Another import into acme is under way" in str(refusal) for refusal in refusals)
    run(0)
    assert (Organization.objects.count(), Device.unscoped.count()) == (1, 2)
    assert Capture.unscoped.count() == 6


def test_a_camera_that_two_make_at_once_is_one():
    org = make_org()
    with scope.within(org.pk):
        found = at_once(lambda _: Cameras(org, dry_run=False).of("Gate"), count=3)
    assert len({device.pk for device in found}) == Device.unscoped.count() == 1


def test_a_folder_cannot_be_left_by_any_path(tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "in" / "way").symlink_to(tmp_path)
    folder = SourceFolder(tmp_path / "in")
    for path in ("../secret", "deep/../../secret", "way/secret", "/etc/hostname", "", "a\0b", "deep"):
        with pytest.raises(Refused):
            folder.read(path, limit=100)
    folder.close()


def test_into_a_bucket_it_comes_as_well_and_an_outage_is_told_in_a_sentence(archive, capsys, s3):
    archive.fill(6)
    s3.fail("PUT", after=5)
    words = r"The storage cannot be written or read.*Run the same command again"
    with pytest.raises(CommandError, match=words) as refusal:
        bring_in(archive, capsys, batch=2, storage="s3")
    assert refusal.value.returncode == UNREACHABLE
    assert Capture.unscoped.count() < 6
    s3.mend()
    assert "6 captures read again from the storage: 6 as in the source." in bring_in(archive, capsys, batch=2)
    keys = {key for row in Capture.unscoped.all() for key in (row.storage_key, row.thumbnail_key)}
    assert keys <= s3.names()
    with pytest.raises(CommandError, match="would not find them in “filesystem”"):
        bring_in(archive, capsys, storage="filesystem")
