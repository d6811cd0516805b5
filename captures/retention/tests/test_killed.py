"""A pruning that is killed anywhere goes on when it is started again, and comes to what was foreseen."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.db import connections
from django.utils import timezone

from captures.models import Capture, DeletedCapture
from captures.retention.preview import preview
from captures.retention.tests.builders import make_policy, make_rows
from captures.upkeep import sweep_files
from orgs.models import MonthlyUsage, Organization
from tests.builders import make_device, make_label, make_link, make_org, stored_files
from tests.commands import finish, kill_when, start_command

pytestmark = pytest.mark.django_db(transaction=True)
# Each camera's old pictures are a batch.
CAMERAS, OLD = 12, 40


@pytest.fixture
def org() -> Organization:
    """Old pictures of which one is held, one labelled and one shared, and a new one of each camera."""
    org, now = make_org(time_zone="UTC"), timezone.now()
    moments = [now - timedelta(days=60, minutes=minutes) for minutes in range(OLD)]
    for _ in range(CAMERAS):
        make_rows(make_device(org)[0], [*moments, now])
    held, labelled, shared = Capture.unscoped.filter(captured_at=moments[0])[:3]
    Capture.unscoped.filter(pk=held.pk).update(hold=True)
    make_label(labelled)
    make_link(shared)
    for row in Capture.unscoped.all():
        path = Path(default_storage.path(row.storage_key))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(row.record_id.encode())
    make_policy(org, days=30)
    return org


def assert_whole() -> set[str]:
    """Each row has its bytes; return the names of the files that have no row."""
    rows = dict(Capture.unscoped.values_list("storage_key", "record_id"))
    for key, text in rows.items():
        assert Path(default_storage.path(key)).read_bytes() == text.encode()
    return stored_files() - set(rows)


def test_killed_again_and_again_it_deletes_what_was_foreseen_and_nothing_else(org):
    foreseen = preview(org, at=timezone.now())
    assert foreseen.pictures == CAMERAS * OLD - 3
    assert foreseen.kept == {"held": 1, "labelled": 1, "shared": 1}
    total, rest = Capture.unscoped.count(), CAMERAS + 3
    for count in (total, total // 2):
        kill_when(lambda count=count: Capture.unscoped.count() < count, start_command("prune", "--org", org.slug))
        assert rest < Capture.unscoped.count() < count
        # What is remembered, and what is left of the bytes that count, is as many as are gone.
        gone = total - Capture.unscoped.count()
        assert DeletedCapture.unscoped.count() == gone
        assert sum(MonthlyUsage.unscoped.values_list("bytes", flat=True)) == -1000 * gone
        assert_whole()
    connections.close_all()
    left = total - gone - rest
    printed = finish(start_command("prune", "--org", org.slug))
    assert printed.splitlines()[-1].startswith(f"{org.slug}: Deleted {left} pictures, ")
    assert printed.splitlines()[-1].endswith("; 1 held, 1 labelled, 1 shared: kept.")
    assert (Capture.unscoped.count(), DeletedCapture.unscoped.count()) == (rest, foreseen.pictures)
    assert -sum(MonthlyUsage.unscoped.values_list("bytes", flat=True)) == foreseen.bytes
    # What the killed ones left, the sweep takes, and nothing else.
    without_row = assert_whole()
    assert set(sweep_files(now=timezone.now() + timedelta(days=2)).quarantined) == without_row
    assert assert_whole() == set()
    assert preview(org, at=timezone.now()).pictures == 0
