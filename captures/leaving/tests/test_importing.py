"""What comes with an organization keeps what it kept, and deletes nothing of where it comes to."""

from pathlib import Path

import pytest
from django.core.management import call_command

from captures.models import RetentionPolicy
from captures.retention.deleting import delete_capture
from captures.retention.rules import Rule, rule_of
from captures.retention.tests.builders import make_policy
from orgs.models import Organization
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
def test_of_one_moment_without_pictures_each_comes_along(tmp_path, capsys):
    device = make_device()[0]
    rows = [make_capture(device, minutes=minutes, verdict="normal") for minutes in range(2)]
    bare = {"storage_key": "", "thumbnail_key": "", "sha256": "", "byte_size": 0, "content_type": ""}
    device.captures.update(captured_at=rows[0].captured_at, **bare)
    path = exported(device.org, tmp_path)
    assert "2 captures in the source: 2 imported" in brought_in(path, capsys)
    assert "2 captures in the source: 0 imported, 2 already there" in brought_in(path, capsys)


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
