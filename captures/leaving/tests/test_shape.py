"""What an export lacks, or holds in another form, is said before anything is founded, or refused for itself."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from captures.models import Capture
from devices.services.schedules import add_schedule
from orgs.models import Organization, User
from tests.builders import make_capture, make_definition, make_device, make_evaluation, make_label

pytestmark = pytest.mark.django_db
MOVED = {"org": "moved", "owner": "new@example.org"}
CAMERA = "cameras.json of the export is not as it should be: "


@pytest.fixture
def export(tmp_path) -> Path:
    device = make_device()[0]
    definition = make_definition(device)
    for minutes in range(6):
        capture = make_capture(device, minutes=minutes, verdict="normal", definition=definition)
        make_label(capture, "normal")
        make_evaluation(capture, definition=definition, verdict="normal")
    add_schedule(device=device, label="Hourly", interval_seconds=3600, acting_user=None)
    call_command("export_organization", device.org.slug, str(tmp_path / "export"))
    return tmp_path / "export"


def write(export: Path, name: str, text: str) -> None:
    """Put it in as if it had been written so."""
    (export / name).write_text(text)
    manifest = json.loads((export / "manifest.json").read_text())
    manifest["files"][name] = hashlib.sha256(text.encode()).hexdigest()
    (export / "manifest.json").write_text(json.dumps(manifest))


MISSING = object()
WRONG = {
    "schedules": (MISSING, "0.schedules: This field is required."),
    "id": ("gate", "0.id: Must be a valid UUID."),
    "created_at": ("2026-01-01T00:00:00", "0.created_at: '2026-01-01T00:00:00' is no moment."),
    "time_zone": ("Mars/Phobos", "0.time_zone: 'Mars/Phobos' is not a time zone"),
    "definitions": (
        [{"version": -1}],
        "0.definitions.0.version: Ensure this value is greater than or equal to 0.",
    ),
    "configuration": ({"a": "\0"}, "a camera must not hold NUL characters."),
}


@pytest.mark.parametrize("field", WRONG)
def test_a_camera_that_is_not_told_of_as_it_should_be_founds_nothing(export, field):
    value, sentence = WRONG[field]
    cameras: list[dict[str, Any]] = json.loads((export / "cameras.json").read_text())
    del cameras[0][field]
    if value is not MISSING:
        cameras[0][field] = value
    write(export, "cameras.json", json.dumps(cameras))
    before = Organization.objects.count(), User.objects.count()
    with pytest.raises(CommandError) as refusal:
        call_command("import_organization", str(export), **MOVED)
    assert str(refusal.value).startswith(CAMERA)
    assert sentence in str(refusal.value)
    assert (Organization.objects.count(), User.objects.count()) == before


def test_lists_and_a_manifest_of_another_form_are_refused(export):
    for text, sentence in (("{", "is no JSON"), ("[" * 100_000, "is no JSON"), ('["x"]', "a camera must be")):
        write(export, "cameras.json", text)
        with pytest.raises(CommandError, match=sentence):
            call_command("import_organization", str(export), **MOVED)
    manifest = json.loads((export / "manifest.json").read_text())
    manifest["counts"]["captures"] = "many"
    (export / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CommandError, match=r"The manifest of the export .*: counts\.captures: A valid integer"):
        call_command("import_organization", str(export), **MOVED)
    assert not Organization.objects.filter(slug="moved").exists()


def test_captures_of_another_form_are_refused_each_for_itself(export, capsys):
    lines = [json.loads(line) for line in (export / "captures.jsonl").read_text().splitlines()]
    lines[0] = ["no capture"]
    del lines[1]["label"]["created_at"]
    lines[2]["evaluations"][0]["latency_ms"] = "long"
    lines[3]["reason"] = "NUL \0"
    lines[4]["camera"] = lines[4]["record_id"]
    text = "".join(f"{json.dumps(line)}\n" for line in lines) + "{\n"
    write(export, "captures.jsonl", text)
    with pytest.raises(CommandError, match="does not balance"):  # there are seven lines, and six were promised
        call_command("import_organization", str(export), **MOVED)
    printed = capsys.readouterr().out
    assert "6 captures in the source: 1 imported, 0 already there, 6 refused" in printed
    for reason, count in (("not_understood", 4), ("invalid_values", 1), ("unknown_camera", 1)):
        assert f"refused: {count} × {reason}" in printed
    moved = Capture.unscoped.get(org__slug="moved")
    assert (moved.label.verdict, moved.evaluations.get().verdict) == ("normal", "normal")


@pytest.mark.parametrize("name", ["export", "export.zip"])
def test_a_picture_is_read_no_further_than_one_may_be_large(export, capsys, settings, name):
    settings.VISANT_MAX_PICTURE_MB = 1
    lines = [json.loads(line) for line in (export / "captures.jsonl").read_text().splitlines()]
    (export / lines[0]["file"]).write_bytes(bytes(1024 * 1024 + 1))
    path = export
    if name.endswith(".zip"):
        path = Path(shutil.make_archive(str(export), "zip", export))
    call_command("import_organization", str(path), **MOVED)
    printed = capsys.readouterr().out
    assert "6 captures in the source: 5 imported, 0 already there, 1 refused" in printed
    assert "refused: 1 × too_large" in printed
