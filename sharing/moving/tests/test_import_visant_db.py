"""The database of the multi-tenant Visant is brought in: each row once, keys, roles and links as they were."""

import csv
from datetime import datetime, timedelta

import bcrypt
import pytest
from allauth.account.models import EmailAddress
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.test import Client

from captures.models import Capture, Definition
from captures.retention.deleting import delete_capture
from devices.models import Device, DeviceKey
from orgs.hashers import BcryptHasher
from orgs.models import AuditEntry, Membership, Organization, User
from sharing.models import ShareLink
from tests.builders import make_device, make_jpeg, make_member, make_org, owner_of, stored_files
from tests.earlier_database import earlier_visant

pytestmark = pytest.mark.django_db(transaction=True)
KEY = "Zk3PqL7_earlier-api-key-0001"
COUNTED = (Organization, User, Membership, Device, DeviceKey, Capture, Definition, ShareLink, AuditEntry)


@pytest.fixture
def earlier(tmp_path):
    with earlier_visant(tmp_path) as earlier:
        yield earlier


@pytest.fixture
def media(tmp_path):
    folder = tmp_path / "bucket"
    folder.mkdir()
    return folder


@pytest.fixture
def acme(earlier, media):
    """An organization with two people, two cameras, three captures and a link of each kind."""
    org = earlier.add("organizations", name="Acme")
    owner = earlier.add("users", org_id=org, email="Boss@Acme.example", role="admin")
    earlier.add("users", org_id=org, email="eye@acme.example", role="viewer")
    earlier.add("devices", device_id="lobby 1", org_id=org, friendly_name="Lobby", api_key=KEY)
    earlier.add(
        "devices", device_id="gate", org_id=org, friendly_name="Lobby", api_key=KEY[::-1], status="disabled"
    )
    for number, state in enumerate(["normal", "abnormal", None]):
        (media / f"c{number}.jpeg").write_bytes(make_jpeg(number))
        (media / f"c{number}_t.jpeg").write_bytes(make_jpeg(number + 100))
        earlier.add(
            "captures",
            record_id=f"r{number}",
            org_id=org,
            device_id="lobby 1",
            captured_at=f"2025-10-20 07:0{number}:00.5",
            s3_image_key=f"c{number}.jpeg",
            s3_thumbnail_key=f"c{number}_t.jpeg",
            state=state,
            evaluation_status="completed" if state else "pending",
            reason=state and f"It is {state}.",
            agent_details={"agent1": {"state": state}},
            trigger_label="door",
            normal_description_file="normal_a.txt",
            capture_metadata={"firmware": "2"},
        )
    usual = {"org_id": org, "device_id": "lobby 1", "created_by": owner}
    digest = bcrypt.hashpw(b"letmein", bcrypt.gensalt(4)).decode()
    earlier.add("share_links", token="tok-device", share_type="device", password_hash=digest, **usual)
    earlier.add("share_links", token="tok-capture", share_type="capture", capture_id="r1", max_views=3, **usual)
    days = {"start_date": "2025-10-20 00:00:00", "end_date": "2025-10-21 00:00:00"}
    earlier.add(
        "share_links", token="tok-range", share_type="date_range", expires_at="2030-01-01", **days, **usual
    )
    return org


def bring_in(earlier, media, capsys, **options) -> str:
    call_command("import_visant_db", earlier.url, media=media and str(media), **options)
    return capsys.readouterr().out


def counts() -> list[int]:
    return [model._default_manager.count() for model in COUNTED]


def test_everything_comes_over_as_it_was(earlier, media, acme, capsys, tmp_path):
    (tmp_path / "config/normal_descriptions").mkdir(parents=True)
    (tmp_path / "config/normal_descriptions/normal_a.txt").write_text("An empty lobby.")
    printed = bring_in(earlier, media, capsys, config=tmp_path / "config")
    for table, count in {"organizations": 1, "users": 2, "devices": 2, "captures": 3, "share_links": 3}.items():
        assert f"{count} {table} in the source: {count} imported, 0 already there, 0 refused" in printed
    assert printed.endswith("It balances.\n")
    org = Organization.objects.get()
    assert (org.name, org.slug, org.external_id, org.created_at.year) == ("Acme", "acme", acme, 2025)
    people = dict(org.memberships.values_list("user__email", "role"))
    assert people == {"boss@acme.example": "owner", "eye@acme.example": "viewer"}
    assert not any(user.has_usable_password() for user in User.objects.all())
    assert dict(org.devices.values_list("external_id", "name")) == {"gate": "Lobby", "lobby 1": "Lobby (2)"}
    first, second, third = org.captures.order_by("captured_at")
    assert first.captured_at.isoformat() == "2025-10-20T07:00:00.500000+00:00"
    assert [row.verdict for row in (first, second, third)] == ["normal", "abnormal", None]
    assert (third.evaluation_status, third.reason) == ("skipped", "It was not judged before it was imported.")
    assert (second.trigger_label, second.metadata["firmware"], second.definition.text) == (
        "door",
        "2",
        "An empty lobby.",
    )
    assert second.evaluations.get().details == {"agent_details": {"agent1": {"state": "abnormal"}}}
    assert default_storage.open(second.storage_key).read() == make_jpeg(1)
    assert default_storage.open(second.thumbnail_key).read() == make_jpeg(101)


def test_cameras_go_on_with_their_keys_and_names(earlier, media, acme, capsys):
    assert "vis_dev_" not in bring_in(earlier, media, capsys)
    headers = {"X-API-Key": KEY}
    said = {"device_id": "lobby 1", "record_id": "new"}
    assert (
        Client().post("/v1/captures", make_jpeg(9), "image/jpeg", query_params=said, headers=headers).status_code
        == 201
    )
    assert Client().get("/v1/captures/r1", headers=headers).json()["state"] == "abnormal"
    answer = Client().get("/v1/captures", headers={"X-API-Key": KEY[::-1]})
    assert (answer.status_code, answer.json()["code"]) == (403, "device_suspended")
    stored = [str(vars(key)) for key in DeviceKey.unscoped.all()]
    assert not any(KEY in row or KEY[::-1] in row for row in stored)


def test_links_keep_their_tokens_and_their_limits(earlier, media, acme, capsys):
    bring_in(earlier, media, capsys)
    links = {link.token: link for link in ShareLink.unscoped.select_related("capture", "created_by")}
    assert {token: link.kind for token, link in links.items()} == {
        "tok-device": "device",
        "tok-capture": "capture",
        "tok-range": "range",
    }
    assert BcryptHasher().verify("letmein", links["tok-device"].password_hash)
    assert (links["tok-capture"].capture.record_id, links["tok-capture"].max_views) == ("r1", 3)
    spans = links["tok-range"].range_until - links["tok-range"].range_from
    assert spans == timedelta(days=1, microseconds=1)
    assert links["tok-range"].expires_at == datetime.fromisoformat("2030-01-01T00:00:00+00:00")
    assert {link.created_by.email for link in links.values()} == {"boss@acme.example"}
    assert not any(link.download_allowed for link in links.values())


def test_run_again_it_adds_nothing_and_a_trial_writes_nothing(earlier, media, acme, capsys):
    before = counts()
    trial = bring_in(earlier, media, capsys, dry_run=True)
    assert (counts(), stored_files()) == (before, set())
    printed = bring_in(earlier, media, capsys, batch=2)
    sums = [line for line in printed.splitlines() if "in the source:" in line]
    assert [line for line in trial.splitlines() if "in the source:" in line] == sums
    after, files = counts(), stored_files()
    again = bring_in(earlier, media, capsys)
    assert (counts(), stored_files()) == (after, files)
    assert "3 captures in the source: 0 imported, 3 already there, 0 refused" in again
    assert "3 share_links in the source: 0 imported, 3 already there, 0 refused" in again


def test_a_trial_refuses_people_and_organizations_as_the_real_run_does(earlier, media, acme, capsys):
    earlier.add("users", org_id=acme, email="no address")
    earlier.add("organizations", name="Of nobody")
    long = earlier.add("organizations", name="L" * 400)
    earlier.add("users", org_id=long, email="long@acme.example", role="owner")
    before = counts()
    trial = bring_in(earlier, media, capsys, owner="notmail", dry_run=True)
    assert counts() == before
    sums = [line for line in trial.splitlines() if "in the source:" in line or "refused:" in line]
    assert "3 organizations in the source: 1 imported, 0 already there, 2 refused" in sums
    assert "4 users in the source: 2 imported, 0 already there, 2 refused" in sums
    printed = bring_in(earlier, media, capsys, owner="notmail")
    assert [line for line in printed.splitlines() if "in the source:" in line or "refused:" in line] == sums


def test_each_row_that_cannot_come_is_refused_for_its_reason(earlier, media, acme, capsys, tmp_path):
    usual = {"org_id": acme, "device_id": "lobby 1"}
    earlier.add("users", org_id=acme, email="no address")
    earlier.add("users", org_id=None, email="nobody@nowhere.example")
    (media / "broken.jpeg").write_bytes(make_jpeg(3)[:200])
    (media / "way").symlink_to(tmp_path)
    at = {"captured_at": "2025-11-01 00:00:00"}
    earlier.add("captures", record_id="broken", s3_image_key="broken.jpeg", **usual, **at)
    earlier.add("captures", record_id="leaves", s3_image_key="../config", **usual, **at)
    earlier.add("captures", record_id="linked", s3_image_key="way/config", **usual, **at)
    earlier.add("captures", record_id="a/b", s3_image_key="c0.jpeg", **usual, **at)
    earlier.add("captures", record_id="score", s3_image_key="c0.jpeg", score=9, **usual, **at)
    earlier.add("share_links", token="t-kind", share_type="album", **usual)
    earlier.add("share_links", token="/../x", share_type="device", **usual)
    earlier.add("share_links", token="t-gone", share_type="capture", capture_id="nope", **usual)
    earlier.add("share_links", token="t-camera", share_type="device", org_id=acme, device_id="nope")
    earlier.add("share_links", token="t-range", share_type="date_range", **usual)
    earlier.add("share_links", token="t-password", share_type="device", password_hash="md5:x", **usual)
    lonely = earlier.add("organizations", name="Lonely")
    earlier.add("devices", device_id="lonely", org_id=lonely, friendly_name="x", api_key="y")
    report = tmp_path / "report.csv"
    printed = bring_in(earlier, media, capsys, report=report)
    with report.open(newline="") as file:
        lines = list(csv.DictReader(file))
    refused = {line["name"]: line["reason"] for line in lines if line["outcome"] == "refused"}
    assert len(refused) == 15
    assert {name: refused[name] for name in ("broken", "leaves", "linked", "a/b", "score", "lonely", lonely)} == {
        "broken": "broken_picture",
        "leaves": "leaves_the_folder",
        "linked": "link",
        "a/b": "bad_record_id",
        "score": "bad_score",
        "lonely": "organization_refused",
        lonely: "no_owner",
    }
    assert sorted(line["reason"] for line in lines if line["kind"] == "share_links" and line["reason"]) == [
        "bad_moment",
        "bad_token",
        "no_camera",
        "no_capture",
        "unknown_kind",
        "unknown_password",
    ]
    assert "tok-device" not in report.read_text()
    assert printed.endswith("It balances.\n")


def test_an_account_that_is_there_is_joined_only_if_the_address_is_known_to_be_its(earlier, media, acme, capsys):
    squatter = User.objects.create_user("boss@acme.example", "squatter's password")
    EmailAddress.objects.create(user=squatter, email=squatter.email, verified=False, primary=True)
    proven = make_member(make_org())
    User.objects.filter(pk=proven.pk).update(email="eye@acme.example", name="Known")
    printed = bring_in(earlier, media, capsys)
    assert "refused: 1 × address_not_verified" in printed
    org = Organization.objects.get(external_id=acme)
    assert [row.user_id for row in org.memberships.all()] == [proven.pk]
    assert not squatter.memberships.exists()
    entries = AuditEntry.unscoped.filter(org=org, action="organization.founded")
    assert entries.get().after == {"owner": "eye@acme.example"}
    assert proven.memberships.count() == 2


def test_what_was_deleted_here_does_not_come_back_nor_do_links_to_it(earlier, media, acme, capsys):
    bring_in(earlier, media, capsys)
    org = Organization.objects.get()
    delete_capture(capture=Capture.unscoped.get(record_id="r1"), acting_user=owner_of(org))
    earlier.add(
        "share_links", token="tok-late", share_type="capture", capture_id="r1", org_id=acme, device_id="lobby 1"
    )
    printed = bring_in(earlier, media, capsys)
    assert "3 captures in the source: 0 imported, 2 already there, 1 refused" in printed
    assert "deleted_here" in printed
    # The link that the picture took along, and one that comes after it.
    assert "4 share_links in the source: 0 imported, 2 already there, 2 refused" in printed
    assert "no_capture" in printed
    assert printed.endswith("It balances.\n")
    assert set(org.captures.values_list("record_id", flat=True)) == {"r0", "r2"}
    assert set(org.share_links.values_list("token", flat=True)) == {"tok-device", "tok-range"}


def test_a_pictures_of_the_archive_that_is_gone_leaves_what_was_found(earlier, media, acme, capsys):
    (media / "c0.jpeg").unlink()
    printed = bring_in(earlier, media, capsys)
    assert "1 × capture whose picture was pruned, or not copied" in printed
    assert Capture.unscoped.get(record_id="r0").storage_key == ""
    (media / "c0.jpeg").write_bytes(make_jpeg(0))
    assert "3 captures in the source: 1 imported, 2 already there" in bring_in(earlier, media, capsys)
    assert default_storage.open(Capture.unscoped.get(record_id="r0").storage_key).read() == make_jpeg(0)


def test_a_weak_key_ends_and_a_new_one_is_told(earlier, media, capsys):
    org = earlier.add("organizations", name="Acme")
    earlier.add("users", org_id=org, email="a@b.example", role="owner")
    earlier.add("devices", device_id="cam", org_id=org, friendly_name="Cam", api_key="1234")
    printed = bring_in(earlier, media, capsys)
    assert "1 × camera whose old key does not open any more" in printed
    assert "cam\t" in printed
    assert Client().get("/v1/captures", headers={"X-API-Key": "1234"}).status_code == 401


def test_a_camera_of_another_organization_is_left_alone(earlier, media, acme, capsys):
    device, _ = make_device()
    Device.unscoped.filter(pk=device.pk).update(name="Lobby", external_id="lobby 1")
    bring_in(earlier, media, capsys)
    assert not device.captures.exists()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("nonsense", "Name it as"),
        ("mysql://reader@127.0.0.1/visant", "Name it as"),
        ("sqlite:////nowhere/x.sqlite3", "There is no file"),
        ("postgresql://nobody:x@127.0.0.1:1/none", "does not answer"),
    ],
)
def test_a_database_that_is_none_is_told_in_a_sentence(url, sentence):
    with pytest.raises(CommandError, match=sentence):
        call_command("import_visant_db", url)


def test_pictures_must_be_somewhere_and_the_source_is_never_written(earlier, media, acme, capsys, tmp_path):
    with pytest.raises(CommandError, match="--media"):
        bring_in(earlier, None, capsys)
    with pytest.raises(CommandError, match="cannot be read"):
        bring_in(earlier, tmp_path / "nowhere", capsys)
    assert not Organization.objects.exists()
