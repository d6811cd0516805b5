"""An import that is killed anywhere goes on when it is started again, and nothing is there twice."""

import subprocess
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.db import connections

from captures.models import Capture, Evaluation
from devices.models import Device
from orgs.models import MonthlyUsage
from tests.archives import Archive
from tests.builders import stored_files
from tests.commands import finish, kill_when, start_command

pytestmark = pytest.mark.django_db(transaction=True)
COUNT = 60


@pytest.fixture
def archive(tmp_path) -> Archive:
    archive = Archive(tmp_path)
    archive.add(0, device="A Camera of the First Day")
    archive.fill(COUNT - 1)
    return archive


def bring_in(archive: Archive) -> subprocess.Popen[str]:
    command = ["import_datalake", str(archive.root), "--config", str(archive.config), "--batch", "2"]
    return start_command(*command, "--org", "acme", "--owner", "o@example.org")


def test_killed_again_and_again_it_comes_to_the_same_as_never_killed(archive):
    for count in (1, COUNT // 3):
        kill_when(lambda count=count: Capture.unscoped.count() >= count, bring_in(archive))
        assert 0 < Capture.unscoped.count() < COUNT
        # What there is, is whole: each row has its bytes and its finding.
        for capture in Capture.unscoped.all():
            assert len(default_storage.open(capture.storage_key).read()) == capture.byte_size
        assert Evaluation.unscoped.count() == Capture.unscoped.count()
    connections.close_all()
    printed = finish(bring_in(archive))
    assert f"{COUNT} captures read again from the storage: {COUNT} as in the source." in printed
    assert printed.endswith("It balances.\n")
    assert "vis_dev_" in printed  # the killed runs had told no keys
    # Each camera goes on by the text that its last picture was judged by, whichever run took that.
    for device in Device.unscoped.all():
        last = device.captures.order_by("-captured_at")[0]
        assert device.definitions.get(active=True).pk == last.definition_id
    assert Capture.unscoped.count() == Evaluation.unscoped.count() == COUNT
    usage = MonthlyUsage.unscoped.get()
    sizes = list(Capture.unscoped.values_list("byte_size", flat=True))
    assert (usage.pictures, usage.bytes) == (COUNT, sum(sizes))
    keys = {key for row in Capture.unscoped.all() for key in (row.storage_key, row.thumbnail_key)}
    assert keys <= stored_files()
    # Beside them at most what the killed batches had written before their rows: swept after a day.
    left = [Path(name).name for name in stored_files() - keys]
    assert len([name for name in left if not name.startswith(".")]) <= 2 * 2 * 2
