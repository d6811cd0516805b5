"""An import into an organization whose cameras are at work loses to them, and goes on."""

import threading
from collections.abc import Callable

import pytest
from django.core.files.base import File
from django.core.files.storage import storages
from django.core.management import call_command
from django.db import connections

from captures.models import Capture
from captures.services import store_capture
from captures.storage import DurableFileSystemStorage
from devices.models import Device
from orgs import scope
from orgs.models import MonthlyUsage
from tests.builders import make_capture, make_device, make_jpeg, make_org, stored_files


class Overtaking(DurableFileSystemStorage):
    """While the first file is being written, something else comes in."""

    meanwhile: Callable[[], None] | None = None
    lock = threading.Lock()

    def _save(self, name: str, content: File) -> str:
        with self.lock:
            arrives, Overtaking.meanwhile = Overtaking.meanwhile, None
        if arrives:
            arrives()
        return super()._save(name, content)


@pytest.mark.django_db(transaction=True)
def test_a_camera_that_uploads_at_that_moment_was_quicker(tmp_path, capsys, settings):
    org = make_org()
    device = make_device(org)[0]
    same, other, new = (make_capture(device, seed=seed, minutes=seed) for seed in range(3))
    path = str(tmp_path / "export.zip")
    call_command("export_organization", org.slug, path)
    moved = make_org()

    def upload() -> None:
        with scope.within(moved.pk):
            camera = Device.unscoped.get(org=moved)
            for row, seed in ((same, 0), (other, 7)):
                store_capture(
                    device=camera, data=make_jpeg(seed), captured_at=row.captured_at, record_id=row.record_id
                )
        connections.close_all()

    before = stored_files()
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": f"{__name__}.Overtaking"},
    }
    Overtaking.meanwhile = upload
    call_command("import_organization", path, org=moved.slug)
    printed = capsys.readouterr().out
    assert "3 captures in the source: 1 imported, 1 already there, 1 refused" in printed
    assert "refused: 1 × in_the_way" in printed
    rows = Capture.unscoped.filter(org=moved)
    assert {row.record_id for row in rows} == {same.record_id, other.record_id, new.record_id}
    kept = {key for row in rows for key in (row.storage_key, row.thumbnail_key) if key}
    assert stored_files(storages["default"]) - before == kept
    # What came by the camera's own way is counted there.
    assert MonthlyUsage.unscoped.get(org=moved).pictures == 1
