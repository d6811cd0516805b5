"""An export is complete or an error, and another organization takes all of it, once."""

import csv
import hashlib
import io
import json
import zipfile
from datetime import time
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.utils import timezone

from captures.leaving.archive import ArchiveReader, ArchiveRefused
from captures.leaving.models import Export
from captures.leaving.services import make_next_export, remove_expired_exports
from captures.models import Capture
from captures.storage import thumbnail_key
from captures.upkeep import SWEEP_AFTER, sweep_files
from devices.models import Device
from devices.services.keys import authenticate_device
from devices.services.schedules import add_schedule
from orgs import scope
from orgs.models import AuditEntry, MonthlyUsage, Organization
from tests.builders import (
    logged_in,
    make_capture,
    make_definition,
    make_device,
    make_evaluation,
    make_label,
    make_member,
    make_org,
    owner_of,
    stored_files,
)

pytestmark = pytest.mark.django_db


def furnished(name: str = "Mover") -> Organization:
    """An organization with two cameras, pictures of each kind, and something to be kept from others."""
    org = make_org(name, time_zone="Europe/Zurich")
    gate, _ = make_device(org, "Gate")
    definition = make_definition(gate, text="The yard is empty.")
    judged = make_capture(gate, verdict="abnormal", score=0.75, reason="A van.", definition=definition, hold=True)
    make_label(judged, "normal")
    make_evaluation(judged, definition=definition, verdict="abnormal", reason="A van.", cost="0.000123")
    make_capture(gate, minutes=1, metadata={"plate": "=ZH 1234", "n": [1.5, None]})
    make_capture(make_device(org, "Shed")[0], minutes=2.123457)
    night = {"quiet_from": time(22), "quiet_until": time(6, 30)}
    add_schedule(device=gate, label="Hourly", interval_seconds=3600, acting_user=None, **night)
    return org


def exported(org: Organization, path: Path) -> Path:
    call_command("export_organization", org.slug, str(path))
    return path


SAME = (
    *("record_id", "captured_at", "received_at", "content_type", "byte_size", "width", "height", "sha256"),
    *("metadata", "hold", "evaluation_status", "verdict", "score", "reason", "usable", "not_judged"),
    *("device__name", "definition__version", "definition__text", "label__verdict", "label__reference"),
    *("evaluations__reason", "evaluations__cost", "evaluations__at"),
)


def archive_of(org: Organization) -> list[tuple]:
    return sorted(map(repr, Capture.unscoped.filter(org=org).values_list(*SAME)))


@pytest.mark.parametrize("name", ["export.zip", "export"])
def test_what_one_exports_another_has_afterwards_once(tmp_path, capsys, name):
    org, stranger = furnished(), furnished("Stranger")
    path, strangers = exported(org, tmp_path / name), archive_of(stranger)
    options = {"org": "moved", "owner": "new@example.org"}
    call_command("import_organization", str(path), **options, dry_run=True)
    assert not Organization.objects.filter(slug="moved").exists()
    call_command("import_organization", str(path), **options)
    printed = capsys.readouterr().out
    moved = Organization.objects.get(slug="moved")
    assert "3 captures in the source: 3 imported, 0 already there, 0 refused" in printed
    assert archive_of(moved) == archive_of(org)
    for row in Capture.unscoped.filter(org=moved):
        assert row.storage_key.startswith(f"{moved.pk}/")
        twin = Capture.unscoped.get(org=org, record_id=row.record_id)
        assert default_storage.open(row.storage_key).read() == default_storage.open(twin.storage_key).read()
    assert (moved.name, moved.time_zone) == (org.name, "Europe/Zurich")
    rules = moved.schedulerules.values_list("interval_seconds", "quiet_from", "quiet_until")
    assert list(rules) == [(3600, time(22), time(6, 30))]
    assert MonthlyUsage.unscoped.get(org=moved).pictures == 3
    # Keys are new, and told once.
    keys = [line.split("\t")[-1] for line in printed.splitlines() if "vis_dev_" in line]
    with scope.nothing():
        assert {authenticate_device(text=key, ip=None).device.org for key in keys} == {moved}
    assert len(keys) == 2
    assert "It balances." in printed

    before, files = archive_of(moved), stored_files()
    call_command("import_organization", str(path), org="moved")
    printed = capsys.readouterr().out
    assert "3 captures in the source: 0 imported, 3 already there, 0 refused" in printed
    assert "vis_dev_" not in printed
    assert (archive_of(moved), stored_files()) == (before, files)
    assert Device.unscoped.filter(org=moved).count() == 2
    assert archive_of(stranger) == strangers


def test_it_tells_people_by_their_names_and_nothing_of_others_nor_secrets(tmp_path):
    org, stranger = furnished(), furnished("Stranger")
    person = make_member(org)
    person.name = "Ann Otter"
    person.save()
    path = exported(org, tmp_path / "export.zip")
    with zipfile.ZipFile(path) as archive:
        texts = {name: archive.read(name) for name in archive.namelist() if not name.startswith("pictures/")}
        pictures = [name for name in archive.namelist() if name.startswith("pictures/")]
    people = json.loads(texts["people.json"])
    assert sorted((one["name"], one["role"]) for one in people) == [
        ("Ann Otter", "member"),
        (owner_of(org).email.partition("@")[0], "owner"),
    ]
    everything = b"".join(texts.values())
    key = Device.unscoped.filter(org=org).first().keys.get()
    strange = [stranger.name, owner_of(stranger).email, str(stranger.pk), *Device.unscoped.filter(org=stranger)]
    for text in [*strange, person.email, key.digest, person.password]:
        assert str(text).encode() not in everything
    table = list(csv.DictReader(io.StringIO(texts["captures.csv"].decode())))
    assert [row["verdict"] for row in table] == ["abnormal", "", ""]
    assert {row["file"] for row in table} == set(pictures)
    manifest = json.loads(texts["manifest.json"])
    assert manifest["counts"]["captures"] == len(pictures) == 3


def test_a_picture_that_is_missing_or_damaged_is_an_error_and_nothing_is_written(tmp_path):
    org = furnished()
    capture = Capture.unscoped.filter(org=org).first()
    file = Path(default_storage.path(capture.storage_key))
    data = file.read_bytes()
    file.write_bytes(b"not what it was")
    with pytest.raises(CommandError, match="not what it was when it came"):
        exported(org, tmp_path / "export.zip")
    file.unlink()
    with pytest.raises(CommandError, match=f"A file of the picture {capture.record_id} is not in the storage"):
        exported(org, tmp_path / "export")
    assert list(tmp_path.glob("*export*")) == []
    file.write_bytes(data)
    lost = Capture.unscoped.filter(org=org).exclude(pk=capture.pk).first()
    thumbnails = {
        row: default_storage.save(thumbnail_key(row.storage_key), ContentFile(b"t")) for row in (capture, lost)
    }
    for row, key in thumbnails.items():
        Capture.unscoped.filter(pk=row.pk).update(thumbnail_key=key)
    default_storage.delete(thumbnails[lost])  # an import makes it anew
    exported(org, tmp_path / "export.zip")
    with zipfile.ZipFile(tmp_path / "export.zip") as archive:
        told = [json.loads(line) for line in archive.read("captures.jsonl").splitlines()]
    assert [one["record_id"] for one in told if one["thumbnail"]] == [capture.record_id]
    assert all(one["file"] for one in told)
    with pytest.raises(CommandError, match="is there already"):
        exported(org, tmp_path / "export.zip")


def test_what_is_no_whole_export_is_refused(tmp_path):
    path = exported(furnished(), tmp_path / "export")
    listing = path / "captures.jsonl"
    text = listing.read_text()
    listing.write_text(text.replace("abnormal", "normal  "))
    with pytest.raises(ArchiveRefused, match=r"captures\.jsonl in the export is not as it was written"):
        ArchiveReader(path)
    for name, problem in (("captures.jsonl", "is not in the export"), ("cameras.json", "lacks something")):
        manifest = json.loads((path / "manifest.json").read_text())
        (path / name).unlink()
        with pytest.raises(CommandError, match=problem):
            call_command("import_organization", str(path), org="moved", owner="new@example.org")
        # Not told of any more.
        (path / "manifest.json").write_text(json.dumps({**manifest, "files": {}}))
    (path / "manifest.json").unlink()
    for bad in (path, tmp_path / "nothing", Path(__file__)):
        with pytest.raises(ArchiveRefused, match="is no export of an organization"):
            ArchiveReader(bad)


def test_a_zip_that_lacks_a_file_it_lists_is_refused_and_is_nobody_elses_to_read(tmp_path):
    path = exported(furnished(), tmp_path / "export.zip")
    assert path.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(tmp_path / "part.zip", "w") as part:
        part.writestr("manifest.json", whole.read("manifest.json"))
    with pytest.raises(ArchiveRefused, match=r"captures\.jsonl is not in the export"):
        ArchiveReader(tmp_path / "part.zip")


def test_names_in_it_lead_nowhere_outside_and_bad_pictures_are_refused(tmp_path, capsys):
    path = exported(furnished(), tmp_path / "export")
    (tmp_path / "secret.jpeg").write_bytes(b"not yours")
    lines = [json.loads(line) for line in (path / "captures.jsonl").read_text().splitlines()]
    lines[0]["file"] = "../secret.jpeg"
    (path / lines[1]["file"]).write_bytes(b"not a picture")
    lines[2]["captured_at"] = "yesterday"
    resign(path, "captures.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    call_command("import_organization", str(path), org="moved", owner="new@example.org")
    printed = capsys.readouterr().out
    assert "3 captures in the source: 0 imported, 0 already there, 3 refused" in printed
    for reason in ("file_missing", "not_understood"):
        assert f"refused: 1 × {reason}" in printed
    assert not Capture.unscoped.filter(org__slug="moved").exists()


def resign(path: Path, name: str, text: str) -> None:
    (path / name).write_text(text)
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["files"][name] = hashlib.sha256(text.encode()).hexdigest()
    (path / "manifest.json").write_text(json.dumps(manifest))


def test_an_owner_asks_for_it_a_worker_makes_it_and_the_link_ends():
    org, stranger = furnished(), make_org()
    client, other = logged_in(owner_of(org)), logged_in(owner_of(stranger))
    assert client.post("/organization/leaving/export").status_code == 302
    again = client.post("/organization/leaving/export", follow=True).content.decode()
    assert "An export is being made already." in again
    export = Export.unscoped.get()
    url = f"/organization/leaving/exports/{export.pk}"
    assert client.get(url).status_code == 404
    assert make_next_export()
    assert not make_next_export()
    assert url in client.get("/organization/leaving").content.decode()
    answer = client.get(url)
    with zipfile.ZipFile(io.BytesIO(answer.getvalue())) as archive:
        assert archive.testzip() is None
        assert json.loads(archive.read("manifest.json"))["organization"]["slug"] == org.slug
    assert f'filename="{org.slug}-' in answer["Content-Disposition"]
    assert (other.get(url).status_code, logged_in(make_member(org, "admin")).get(url).status_code) == (404, 403)
    entries = AuditEntry.unscoped.filter(org=org, action__startswith="organization.export").order_by("pk")
    actions = list(entries.values_list("action", flat=True))
    assert actions == ["organization.export_asked", "organization.export_fetched"]

    # It is no lost file, and when its days are over it is gone.
    export.refresh_from_db()
    assert sweep_files(now=timezone.now() + 2 * SWEEP_AFTER, dry_run=True).quarantined == []
    Export.unscoped.update(expires_at=timezone.now())
    assert client.get(url).status_code == 404
    remove_expired_exports()
    assert not default_storage.exists(export.storage_key)


def test_an_export_that_cannot_be_made_says_why_and_one_whose_worker_died_is_made_by_another():
    org = furnished()
    client = logged_in(owner_of(org))
    client.post("/organization/leaving/export")
    missing = Capture.unscoped.filter(org=org).first()
    data = default_storage.open(missing.storage_key).read()
    default_storage.delete(missing.storage_key)
    make_next_export()
    assert f"A file of the picture {missing.record_id}" in client.get("/organization/leaving").content.decode()
    default_storage.save(missing.storage_key, ContentFile(data))
    client.post("/organization/leaving/export")
    waiting = Export.unscoped.filter(finished_at=None)
    waiting.update(attempts=1, due_at=timezone.now())
    assert make_next_export()
    assert Export.unscoped.newest_first().first().state == "ready"
    client.post("/organization/leaving/export")
    waiting.update(attempts=5, due_at=timezone.now())
    assert not make_next_export()
    assert Export.unscoped.newest_first().first().state == "failed"
