"""Pictures in a bucket: taken in, judged, shown and swept as on the disk, and through every outage."""

import io
import random
import tempfile
from collections.abc import Callable
from datetime import timedelta

import pytest
import requests
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage, storages
from django.test import Client
from django.utils import timezone

from captures.evaluation.services import evaluate_next
from captures.models import Capture, EvaluationStatus
from captures.storage import StorageDown, thumbnail_key
from captures.storage.s3 import CACHE_CONTROL, BucketStorage
from captures.upkeep import sweep_files
from tests.builders import logged_in, make_capture, make_device, make_jpeg, make_picture, owner_of
from tests.problems import refused
from tests.s3 import keep_in
from tests.threads import at_once

pytestmark = pytest.mark.django_db


def upload(key: str, data: bytes, record_id: str = "r1"):
    return Client().post(
        f"/v1/captures?record_id={record_id}",
        data,
        content_type="image/jpeg",
        headers={"Authorization": f"Bearer {key}"},
    )


def test_a_file_is_saved_read_listed_and_deleted(s3):
    assert default_storage.save("a b/ü.jpeg", ContentFile(b"first")) == "a b/ü.jpeg"
    assert default_storage.save("a b/ü.jpeg", ContentFile(b"hello")) == "a b/ü.jpeg"
    storages["quarantine"].save("a b/ü.jpeg", ContentFile(b"swept"))
    s3.client().put_object(Bucket=s3.bucket, Key="incoming/x/y", Body=b"not yet")
    with default_storage.open("a b/ü.jpeg") as file:
        assert (file.read(), file.size) == (b"hello", 5)
    assert (default_storage.exists("a b/ü.jpeg"), default_storage.exists("a b")) == (True, False)
    assert default_storage.size("a b/ü.jpeg") == 5
    [listed] = default_storage.list_files()
    assert (listed.key, listed.size) == ("a b/ü.jpeg", 5)
    assert abs(listed.modified_at - timezone.now()) < timedelta(minutes=1)
    assert listed.modified_at == default_storage.get_modified_time("a b/ü.jpeg")
    assert [file.key for file in default_storage.list_files("a b/")] == ["a b/ü.jpeg"]
    assert [file.key for file in storages["quarantine"].list_files()] == ["a b/ü.jpeg"]
    assert default_storage.listdir("") == (["a b"], [])
    assert default_storage.listdir("a b") == ([], ["ü.jpeg"])
    default_storage.delete("a b/ü.jpeg")
    default_storage.delete("a b/ü.jpeg")
    assert s3.names() == {"quarantine/a b/ü.jpeg", "incoming/x/y"}


def test_a_large_file_goes_in_parts_and_is_whole(s3, monkeypatch):
    monkeypatch.setattr(BucketStorage, "most_at_once", 1024)
    data = random.Random(1).randbytes(9 * 1024 * 1024)
    with tempfile.TemporaryFile() as file:
        file.write(data)
        default_storage.save("large.zip", File(file))
        assert not file.closed
    head = s3.client().head_object(Bucket=s3.bucket, Key="large.zip")
    assert head["ETag"].endswith('-2"')  # of two parts
    assert (head["ContentType"], head["CacheControl"]) == ("application/octet-stream", CACHE_CONTROL)
    with default_storage.open("large.zip") as kept:
        assert kept.read() == data


def test_a_large_file_that_is_cut_off_leaves_nothing_behind(s3, monkeypatch):
    monkeypatch.setattr(BucketStorage, "most_at_once", 1024)
    with CutOff(9 * 1024 * 1024) as file, pytest.raises(OSError, match="The disk is gone"):
        default_storage.save("large.zip", File(file))
    assert s3.names() == set()
    assert "Uploads" not in s3.client().list_multipart_uploads(Bucket=s3.bucket)


@pytest.mark.once
@pytest.mark.parametrize("method", ["PUT", "POST"])  # a part, or what joins the parts
def test_a_large_file_that_s3_refuses_in_the_middle_is_not_there(s3, monkeypatch, method):
    monkeypatch.setattr(BucketStorage, "most_at_once", 1024)
    s3.fail(method, after=1)
    with pytest.raises(StorageDown, match="S3 refuses: SlowDown"):
        default_storage.save("large.zip", File(io.BytesIO(bytes(9 * 1024 * 1024))))
    s3.mend()
    assert s3.names() == set()
    assert "Uploads" not in s3.client().list_multipart_uploads(Bucket=s3.bucket)


@pytest.mark.once
def test_a_large_file_that_s3_goes_away_from_is_not_there(s3, monkeypatch):
    """Its parts cannot be taken back then: that is what the bucket's lifecycle rule is for (docs/storage.md)."""
    monkeypatch.setattr(BucketStorage, "most_at_once", 1024)
    with CutOff(9 * 1024 * 1024, by=s3.stop) as file, pytest.raises(StorageDown, match="cannot be reached"):
        default_storage.save("large.zip", File(file))
    s3.start()
    assert s3.names() == set()
    assert len(s3.client().list_multipart_uploads(Bucket=s3.bucket)["Uploads"]) == 1


def disk_is_gone() -> None:
    raise OSError("The disk is gone")


class CutOff(io.BytesIO):
    """Something happens, once, when its end is read."""

    def __init__(self, size: int, *, by: Callable[[], None] = disk_is_gone) -> None:
        super().__init__(bytes(size))
        self.good, self.by = size - 1024, by

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if self.tell() > self.good:
            self.good = len(self.getvalue())
            self.by()
        return data


def test_what_was_swept_before_a_move_is_deleted_where_it_stayed(s3):
    for quarantine in ("filesystem-quarantine", "quarantine"):
        storages[quarantine].save(f"x/{quarantine}.jpeg", ContentFile(b"swept"))
    report = sweep_files(now=timezone.now() + timedelta(days=31))
    assert sorted(report.deleted) == ["x/filesystem-quarantine.jpeg", "x/quarantine.jpeg"]
    assert list(storages["filesystem-quarantine"].list_files()) == []
    assert s3.names() == set()


def test_what_is_not_there_is_a_file_not_found(s3):
    for ask in (default_storage.open, default_storage.size, default_storage.get_modified_time):
        with pytest.raises(FileNotFoundError):
            ask("nothing.jpeg")


def test_a_bucket_that_is_gone_is_no_missing_file(s3):
    s3.client().delete_bucket(Bucket=s3.bucket)
    with pytest.raises(StorageDown, match="NoSuchBucket"):
        default_storage.open("nothing.jpeg")


def test_threads_share_one_client(s3):
    def save_and_read(number: int) -> bytes:
        name = default_storage.save(f"{number}.jpeg", ContentFile(bytes([number]) * 1000))
        return default_storage.open(name).read()

    assert at_once(save_and_read, 8) == [bytes([number]) * 1000 for number in range(8)]
    assert len(s3.names()) == 8


def test_a_picture_is_stored_once_and_its_receipt_is_repeated(s3):
    _, key = make_device()
    first, again = upload(key, make_jpeg(1)), upload(key, make_jpeg(1))
    assert (first.status_code, again.status_code) == (201, 200)
    assert upload(key, make_jpeg(2)).status_code == 409
    capture = Capture.unscoped.get()
    assert s3.names() == {capture.storage_key}
    assert default_storage.open(capture.storage_key).read() == make_jpeg(1)


@pytest.mark.django_db(transaction=True)
def test_equal_uploads_at_once_leave_one_row_and_one_object(s3):
    _, key = make_device()
    answers = at_once(lambda _: upload(key, make_jpeg(1)).status_code, 4)
    assert sorted(answers) == [200, 200, 200, 201]
    assert s3.names() == {Capture.unscoped.get().storage_key}


def test_bytes_that_were_lost_come_back_with_the_same_upload(s3):
    _, key = make_device()
    upload(key, make_jpeg(1))
    [name] = s3.names()
    s3.client().delete_object(Bucket=s3.bucket, Key=name)
    assert upload(key, make_jpeg(1)).status_code == 200
    assert s3.names() == {name}


# --- outages


OUTAGES = {
    "nobody listens": lambda s3: s3.stop(),
    "503": lambda s3: s3.fail(),
    "slow": lambda s3: s3.slow(3),
    "the answer is lost": lambda s3: s3.lose("PUT"),
}


@pytest.mark.parametrize("outage", OUTAGES)
def test_an_outage_in_the_middle_of_uploads_loses_and_doubles_nothing(s3, settings, tmp_path, outage):
    _, key = make_device()
    assert upload(key, make_jpeg(1), "before").status_code == 201
    OUTAGES[outage](s3)
    if outage == "slow":
        keep_in(s3, settings, var=tmp_path, timeout=1)
    answer = upload(key, make_jpeg(2), "during")
    assert refused(answer) == (503, "storage_unavailable", True, True)
    assert int(answer["Retry-After"]) > 0
    assert [row.record_id for row in Capture.unscoped.all()] == ["before"]
    s3.start() if outage == "nobody listens" else s3.mend()
    keep_in(s3, settings, var=tmp_path)
    assert upload(key, make_jpeg(2), "during").status_code == 201
    rows = {row.record_id: row.storage_key for row in Capture.unscoped.all()}
    assert set(rows) == {"before", "during"}
    assert set(rows.values()) <= s3.names()
    # What was written although nobody learned of it is nobody's, and is swept.
    sweep_files(now=timezone.now() + timedelta(days=2))
    assert {name for name in s3.names() if not name.startswith("quarantine/")} == set(rows.values())


def test_an_outage_right_after_the_bytes_costs_no_receipt(s3):
    """The loser of two equal uploads cannot delete its file; it is swept later."""
    _, key = make_device()
    upload(key, make_jpeg(1))
    s3.fail("DELETE")
    assert upload(key, make_jpeg(1)).status_code == 200
    assert len(s3.names()) == 2
    s3.mend()
    sweep_files(now=timezone.now() + timedelta(days=2))
    assert {name for name in s3.names() if not name.startswith("quarantine/")} == {
        Capture.unscoped.get().storage_key
    }


def test_a_picture_cannot_be_shown_while_the_bucket_is_private_and_away(s3, settings, tmp_path):
    keep_in(s3, settings, var=tmp_path, public_endpoint="off")
    capture = make_capture()
    owner = logged_in(owner_of(capture.org))
    assert (
        owner.get(f"/captures/{capture.pk}/image").getvalue() == default_storage.open(capture.storage_key).read()
    )
    s3.fail("GET")
    answer = owner.get(f"/captures/{capture.pk}/image")
    assert (answer.status_code, "Retry-After" in answer) == (503, True)


# --- judging and sweeping


def test_a_picture_is_judged_from_the_bucket_and_its_thumbnail_is_there(s3):
    capture = make_capture()
    assert evaluate_next()
    capture.refresh_from_db()
    assert capture.evaluation_status == EvaluationStatus.COMPLETED
    assert s3.names() == {capture.storage_key, capture.thumbnail_key}
    told = s3.client().head_object(Bucket=s3.bucket, Key=capture.thumbnail_key)
    assert (told["ContentType"], told["CacheControl"]) == ("image/jpeg", "private, max-age=86400, immutable")


def test_judging_waits_for_the_bucket_and_says_why(s3):
    capture = make_capture()
    s3.fail()
    assert evaluate_next()
    capture.refresh_from_db()
    assert (capture.evaluation_status, capture.verdict) == ("pending", None)
    assert capture.reason == "Could not be judged: S3 refuses: SlowDown"
    s3.mend()
    Capture.unscoped.update(evaluation_due_at=timezone.now())
    assert evaluate_next()
    capture.refresh_from_db()
    assert capture.evaluation_status == EvaluationStatus.COMPLETED


def test_the_sweep_quarantines_what_no_row_speaks_of_and_deletes_it_later(s3):
    kept = make_capture()
    folder = kept.storage_key.rpartition("/")[0]
    orphans = {f"{folder}/018f.jpeg", thumbnail_key(kept.storage_key), "readiness/0123456789abcdef"}
    default_storage.save("elsewhere/notes.txt", ContentFile(b"not ours"))
    for name in orphans:
        default_storage.save(name, ContentFile(b"left"))
    now = timezone.now()
    assert sweep_files(now=now).seen == 0
    report = sweep_files(now=now + timedelta(days=1, minutes=1))
    assert (report.seen, set(report.quarantined), report.deleted) == (5, orphans, [])
    assert s3.names() == {kept.storage_key, "elsewhere/notes.txt", *(f"quarantine/{name}" for name in orphans)}
    assert {storages["quarantine"].open(name).read() for name in orphans} == {b"left"}
    assert sweep_files(now=now + timedelta(days=29)).deleted == []
    assert set(sweep_files(now=now + timedelta(days=30, minutes=1)).deleted) == orphans
    assert s3.names() == {kept.storage_key, "elsewhere/notes.txt"}


def test_listing_costs_one_request_for_many_files(s3):
    for number in range(5):
        default_storage.save(f"{number}.jpeg", ContentFile(b"x"))
    s3.fail(after=1)
    assert len(list(default_storage.list_files())) == 5


def test_large_pictures_pass(s3):
    _, key = make_device()
    large = make_picture("PNG", size=(1600, 1200), compress_level=0)
    answer = Client().post(
        "/v1/captures", large, content_type="image/png", headers={"Authorization": f"Bearer {key}"}
    )
    assert answer.status_code == 201
    assert default_storage.open(Capture.unscoped.get().storage_key).read() == large


# --- shown


def location(client: Client, path: str, **headers: str) -> str:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 302, answer
    return answer["Location"]


def test_pictures_are_fetched_from_the_bucket_by_urls_that_cannot_be_changed(s3):
    capture = make_capture()
    other = make_capture()
    url = location(logged_in(owner_of(capture.org)), f"/captures/{capture.pk}/image")
    assert url.startswith(f"{s3.url}/{s3.bucket}/{capture.storage_key}?")
    answer = requests.get(url, timeout=5)
    assert answer.content == default_storage.open(capture.storage_key).read()
    assert answer.headers["Content-Type"] == "image/jpeg"
    altered = [
        url.replace(capture.storage_key, other.storage_key),
        url.replace("X-Amz-Expires=3600", "X-Amz-Expires=36000"),
        url[:-1] + ("0" if url[-1] != "0" else "1"),
        url.partition("?")[0],
    ]
    assert [requests.get(wrong, timeout=5).status_code for wrong in altered] == [403] * 4
    assert requests.put(url, data=b"mine now", timeout=5).status_code == 403


def test_a_url_of_the_bucket_ends(s3, settings):
    capture = make_capture()
    now = timezone.now()
    name = default_storage.full_name(capture.storage_key)
    over = default_storage.presigner.url(name, signed_at=now - timedelta(hours=1), seconds=3599)
    lives = default_storage.presigner.url(name, signed_at=now - timedelta(hours=1), seconds=3660)
    assert [requests.get(url, timeout=5).status_code for url in (over, lives)] == [403, 200]


def test_a_camera_and_a_token_are_sent_to_the_bucket_no_longer_than_they_may_look(s3):
    device, key = make_device()
    capture = make_capture(device)
    device.keys.update(expires_at=timezone.now() + timedelta(seconds=90))
    url = location(Client(), f"/v1/captures/{capture.pk}/image", Authorization=f"Bearer {key}")
    signed = dict(pair.split("=") for pair in url.partition("?")[2].split("&"))
    ends = timezone.datetime.strptime(signed["X-Amz-Date"], "%Y%m%dT%H%M%SZ") + timedelta(
        seconds=int(signed["X-Amz-Expires"])
    )
    left = ends.replace(tzinfo=timezone.get_default_timezone()) - timezone.now()
    assert timedelta(seconds=60) < left <= timedelta(seconds=90)
    assert requests.get(url, timeout=5).status_code == 200


def test_a_page_names_the_bucket_and_asks_nothing_of_it(s3):
    capture = make_capture()
    evaluate_next()
    capture.refresh_from_db()
    s3.stop()  # signing needs nobody
    page = logged_in(owner_of(capture.org)).get("/").text
    s3.start()
    assert f'src="{s3.url}/{s3.bucket}/{capture.thumbnail_key}?X-Amz-Algorithm=' in page


def test_browsers_are_sent_to_the_address_by_which_they_reach_the_bucket(s3, settings, tmp_path):
    outside = s3.url.replace("127.0.0.1", "localhost")
    keep_in(s3, settings, var=tmp_path, public_endpoint=outside)
    capture = make_capture()
    url = location(logged_in(owner_of(capture.org)), f"/captures/{capture.pk}/image")
    assert url.startswith(f"{outside}/{s3.bucket}/")
    assert requests.get(url, timeout=5).status_code == 200
    # The host is a part of what is signed.
    assert requests.get(url.replace("localhost", "127.0.0.1"), timeout=5).status_code == 403


@pytest.mark.parametrize(
    ("addressing", "beginning"),
    [
        ("path", "https://s3.example.org/visant-tests/a.jpeg?"),
        ("virtual", "https://visant-tests.s3.example.org/a."),
    ],
)
def test_the_bucket_stands_in_the_path_or_in_the_host(s3, settings, tmp_path, addressing, beginning):
    keep_in(s3, settings, var=tmp_path, endpoint="https://s3.example.org", addressing=addressing)
    url = default_storage.presigner.url("a.jpeg", signed_at=timezone.now(), seconds=60)
    assert url.startswith(beginning)


def test_the_address_of_aws_is_that_of_the_region(s3, settings, tmp_path):
    keep_in(s3, settings, var=tmp_path, endpoint="", region="eu-central-1", addressing="auto")
    url = default_storage.presigner.url("a.jpeg", signed_at=timezone.now(), seconds=60)
    assert url.startswith("https://visant-tests.s3.eu-central-1.amazonaws.com/a.jpeg?")
