"""What comes with an organization keeps what it kept, and deletes nothing of where it comes to."""

from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command

from captures.models import RetentionPolicy
from captures.retention.deleting import delete_capture
from captures.retention.rules import Rule, rule_of
from captures.retention.tests.builders import make_policy
from orgs.models import Organization
from tests.archives import Archive
from tests.builders import make_capture, make_device, make_org

YEARS = Rule(days=400)


def exported(org: Organization, folder: Path) -> Path:
    call_command("export_organization", org.slug, str(folder / "export.zip"))
    return folder / "export.zip"


def brought_in(path: Path, capsys, org: str = "moved") -> str:
    call_command("import_organization", str(path), org=org, owner="new@example.org", sample=0)
    return capsys.readouterr().out


def rules(org: Organization) -> dict[str, Rule]:
    rows = RetentionPolicy.unscoped.filter(org=org).select_related("device")
    return {row.device.name if row.device else "": rule_of(row) for row in rows}


@pytest.mark.django_db
def test_retention_and_holds_come_along_once_and_what_goes_tonight_is_said(tmp_path, capsys):
    org = make_org()
    held, free = make_device(org, "Held")[0], make_device(org, "Free")[0]
    for minutes, device in enumerate((held, free, free)):
        make_capture(device, minutes=minutes)
    make_policy(org, rule=Rule(days=1))
    make_policy(org, device=held, rule=Rule(days=2, hold=True))
    path = exported(org, tmp_path)
    call_command("import_organization", str(path), org="moved", owner="new@example.org", dry_run=True)
    assert "2 retention policies in the source: 2 imported" in capsys.readouterr().out
    printed = brought_in(path, capsys)
    moved = Organization.objects.get(slug="moved")
    assert rules(moved) == {"": Rule(days=1), held.name: Rule(days=2, hold=True)}
    assert "2 retention policies in the source: 2 imported" in printed
    assert "2 of these are past the retention of this organization and go tonight." in printed
    assert "2 retention policies in the source: 0 imported, 2 already there" in brought_in(path, capsys)


@pytest.mark.django_db
def test_what_was_deleted_here_does_not_come_back(tmp_path, capsys):
    capture = make_capture()
    path = exported(capture.org, tmp_path)
    brought_in(path, capsys)
    moved = Organization.objects.get(slug="moved")
    delete_capture(capture=moved.captures.get(), acting_user=None)
    assert "deleted_here" in brought_in(path, capsys)
    assert moved.captures.count() == 0


@pytest.mark.django_db
def test_what_the_storage_lost_comes_back_from_the_export(tmp_path, capsys):
    capture = make_capture()
    path = exported(capture.org, tmp_path)
    file = Path(default_storage.path(capture.storage_key))
    before = file.read_bytes()
    file.unlink()
    told = "note: 1 × capture of which the storage had lost a file"
    assert told in brought_in(path, capsys, capture.org.slug)
    assert file.read_bytes() == before
    assert told not in brought_in(path, capsys, capture.org.slug)


@pytest.mark.django_db
def test_of_one_moment_without_pictures_each_comes_along(tmp_path, capsys):
    device = make_device()[0]
    rows = [make_capture(device, minutes=minutes, verdict="normal") for minutes in range(2)]
    bare = {"storage_key": "", "thumbnail_key": "", "sha256": "", "byte_size": 0, "content_type": ""}
    device.captures.update(captured_at=rows[0].captured_at, **bare)
    path = exported(device.org, tmp_path)
    assert "2 captures in the source: 2 imported" in brought_in(path, capsys)
    assert "2 captures in the source: 0 imported, 2 already there" in brought_in(path, capsys)


def lake_of_two_cameras(folder: Path) -> Archive:
    archive = Archive(folder)
    archive.fill(4)
    call_command("import_datalake", archive.root, org="acme", owner="o@example.org", config=archive.config)
    return archive


def cameras_of(org: Organization) -> dict[str, tuple[str, int]]:
    """What each calls itself, and how many pictures it has."""
    return {row.name: (row.external_id, row.captures.count()) for row in org.devices.all()}


@pytest.mark.django_db
def test_what_cameras_call_themselves_comes_along_and_another_import_finds_them_by_it(tmp_path, capsys):
    archive = lake_of_two_cameras(tmp_path)
    acme = Organization.objects.get(slug="acme")
    acme.devices.filter(name="floor-01-cam").update(name="Floor 1")
    expected = {"Lobby Cam #2": ("Lobby Cam #2", 2), "Floor 1": ("floor-01-cam", 2)}
    path = exported(acme, tmp_path)
    capsys.readouterr()
    printed = brought_in(path, capsys)
    moved = Organization.objects.get(slug="moved")
    keys = [line.split("\t")[0] for line in printed.splitlines() if "vis_dev_" in line]
    assert sorted(keys) == ["Lobby Cam #2", "floor-01-cam"]
    assert cameras_of(moved) == cameras_of(acme) == expected
    assert set(moved.devices.values_list("former_id", flat=True)) == set(acme.devices.values_list("pk", flat=True))
    moved.devices.filter(name="Floor 1").update(name="First floor")
    call_command("import_datalake", archive.root, org="moved", config=archive.config)
    assert "12 files in the source: 0 imported, 12 already there, 0 refused" in capsys.readouterr().out
    assert "4 captures in the source: 0 imported, 4 already there" in brought_in(path, capsys)
    assert moved.devices.count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize("is_doubled", [False, True])
def test_an_import_of_an_earlier_version_is_found_again_and_put_right(tmp_path, capsys, is_doubled):
    archive = lake_of_two_cameras(tmp_path)
    acme = Organization.objects.get(slug="acme")
    plain = make_device(acme, "Gate")[0]
    path = exported(acme, tmp_path)
    brought_in(path, capsys)
    moved = Organization.objects.get(slug="moved")
    for device in moved.devices.all():
        # As it was kept then: the old id in place of what the camera calls itself.
        moved.devices.filter(pk=device.pk).update(external_id=str(device.former_id), former_id=None)
    if is_doubled:
        call_command("import_datalake", archive.root, org="moved", config=archive.config)
    before = set(moved.devices.values_list("pk", flat=True))
    assert "4 captures in the source: 0 imported, 4 already there" in brought_in(path, capsys)
    assert set(moved.devices.values_list("pk", flat=True)) == before
    there = {row.former_id: row.external_id for row in moved.devices.exclude(former_id=None)}
    own = {row.pk: row.external_id for row in acme.devices.all()}
    assert there == (dict.fromkeys(own, "") if is_doubled else own)
    assert moved.devices.get(former_id=plain.pk).name == plain.name


@pytest.mark.django_db
def test_cameras_that_are_there_are_taken_by_name_and_an_organization_takes_itself_back(tmp_path, capsys):
    device = make_capture().device
    path = exported(device.org, tmp_path)
    assert "1 captures in the source: 0 imported, 1 already there" in brought_in(path, capsys, device.org.slug)
    device.refresh_from_db()
    assert (device.former_id, device.external_id) == (None, "")
    there = make_device(make_org(), device.name)[0]
    there.org.devices.update(name=device.name)
    assert "1 captures in the source: 1 imported" in brought_in(path, capsys, there.org.slug)
    assert there.org.devices.get().former_id == device.pk


@pytest.mark.django_db
def test_what_was_said_here_stays_and_nothing_that_deletes_comes_to_pictures(tmp_path, capsys):
    org, target, bare = make_org(), make_org(), make_org()
    for one in (org, target, bare):
        make_capture(make_device(one)[0])
    make_policy(org, rule=Rule(days=1, hold=True))
    make_policy(target, rule=YEARS)
    path = exported(org, tmp_path)
    assert "refused: 1 × said_otherwise" in brought_in(path, capsys, target.slug)
    assert rules(target) == {"": YEARS}
    assert "only the hold is taken" in brought_in(path, capsys, bare.slug)
    assert rules(bare) == {"": Rule(hold=True)}
    RetentionPolicy.unscoped.filter(org__in=[org, bare]).delete()
    make_policy(org, rule=Rule(days=1))
    path.unlink()
    assert "refused: 1 × would_delete" in brought_in(exported(org, tmp_path), capsys, bare.slug)
    assert rules(bare) == {}
