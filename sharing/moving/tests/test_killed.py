"""The import of a database that is killed anywhere goes on when it is run again: each row is there once."""

import hashlib
import subprocess
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.db import connections

from captures.models import Capture, Evaluation
from devices.models import Device, DeviceKey
from orgs.models import AuditEntry, Membership, MonthlyUsage, Organization, User
from sharing.models import ShareLink
from tests.builders import make_jpeg
from tests.commands import finish, kill_when, start_command
from tests.earlier_database import EarlierVisant, earlier_visant

pytestmark = pytest.mark.django_db(transaction=True)
ORGANIZATIONS = 2
# Of each organization; two of its three links show a picture.
PEOPLE, CAMERAS, CAPTURES, LINKS = 2, 2, 20, 3
# In the middle of the first organization, and of the second.
KILLED_AT = (CAPTURES // 3, CAPTURES + CAPTURES // 3)


@pytest.fixture
def earlier(tmp_path):
    (tmp_path / "bucket").mkdir()
    with earlier_visant(tmp_path) as earlier:
        for number in range(ORGANIZATIONS):
            fill(earlier, f"org{number}", tmp_path / "bucket")
        yield earlier


def fill(earlier: EarlierVisant, name: str, media: Path) -> None:
    org = earlier.add("organizations", name=name)
    for role in ("owner", "member"):
        earlier.add("users", org_id=org, email=f"{role}@{name}.example", role=role)
    for number in range(CAMERAS):
        key = f"an-earlier-api-key-of-{name}-{number}"
        earlier.add("devices", device_id=f"{name} {number}", org_id=org, friendly_name=str(number), api_key=key)
    for number in range(CAPTURES):
        record_id = f"{name}-{number:03}"
        data = make_jpeg(int.from_bytes(hashlib.sha256(record_id.encode()).digest()[:4]))
        (media / f"{record_id}.jpeg").write_bytes(data)
        earlier.add(
            "captures",
            record_id=record_id,
            org_id=org,
            device_id=f"{name} {number % CAMERAS}",
            captured_at=f"2025-10-20 07:{number:02}:00",
            s3_image_key=f"{record_id}.jpeg",
        )
    device = {"org_id": org, "device_id": f"{name} 0"}
    earlier.add("share_links", token=f"{name}-camera", share_type="device", **device)
    for number in (0, CAPTURES - 2):
        record_id = f"{name}-{number:03}"
        earlier.add("share_links", token=record_id, share_type="capture", capture_id=record_id, **device)


def bring_in(earlier: EarlierVisant, media: Path) -> subprocess.Popen[str]:
    return start_command("import_visant_db", earlier.url, "--media", str(media), "--batch", "2")


def test_killed_twice_it_comes_to_the_same_as_never_killed(earlier, tmp_path):
    for count in KILLED_AT:
        kill_when(lambda count=count: Capture.unscoped.count() >= count, bring_in(earlier, tmp_path / "bucket"))
        assert Capture.unscoped.count() == Evaluation.unscoped.count() < ORGANIZATIONS * CAPTURES
    connections.close_all()
    printed = finish(bring_in(earlier, tmp_path / "bucket"))
    assert printed.endswith("It balances.\n")
    assert f"{ORGANIZATIONS} organizations in the source: 0 imported, 2 already there, 0 refused" in printed
    assert "vis_dev_" not in printed  # all go on with the keys they have
    count = ORGANIZATIONS * CAPTURES
    assert f"{count} captures read again from the storage: {count} as in the source." in printed
    assert_each_is_there_once()
    for capture in Capture.unscoped.all():
        original = (tmp_path / "bucket" / f"{capture.record_id}.jpeg").read_bytes()
        assert default_storage.open(capture.storage_key).read() == original


def assert_each_is_there_once() -> None:
    counted = {Organization: 1, User: PEOPLE, Membership: PEOPLE, Device: CAMERAS, DeviceKey: CAMERAS}
    counted |= {Capture: CAPTURES, Evaluation: CAPTURES, ShareLink: LINKS}
    found = {model: model._default_manager.count() for model in counted}
    assert found == {model: ORGANIZATIONS * count for model, count in counted.items()}
    assert set(Device.unscoped.values_list("keys__revoked_at", flat=True)) == {None}
    for org in Organization.objects.all():
        assert org.captures.count() == CAPTURES
        assert {link.capture.record_id for link in org.share_links.exclude(capture=None)} == {
            f"{org.name}-000",
            f"{org.name}-{CAPTURES - 2:03}",
        }
    # What is counted and what is told of it is so once, too.
    assert sorted(MonthlyUsage.unscoped.values_list("pictures", flat=True)) == [CAPTURES] * ORGANIZATIONS
    for action, count in {"membership.imported": PEOPLE - 1, "key.kept": CAMERAS, "share.imported": LINKS}.items():
        assert AuditEntry.unscoped.filter(action=action).count() == ORGANIZATIONS * count
