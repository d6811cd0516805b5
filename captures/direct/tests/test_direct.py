"""A camera puts its picture into the bucket itself: bound to what it announced, and taken in as any other."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from captures.direct.models import PendingUpload
from captures.direct.services import sweep_uploads
from captures.evaluation.services import evaluate_next
from captures.models import Capture, Rejection
from devices.models import Command
from devices.services.commands import queue_command
from orgs.metering import flush
from tests.builders import MOMENT, make_device, make_jpeg, make_picture
from tests.problems import refused
from tests.threads import at_once

pytestmark = pytest.mark.django_db


class Camera:
    def __init__(self) -> None:
        self.device, self.key = make_device()

    def post(self, path: str, body: object = None):
        headers = {"Authorization": f"Bearer {self.key}"}
        return Client().post(f"/v1/captures{path}", body, content_type="application/json", headers=headers)

    def begin(self, data: bytes, **said: Any):
        said = {"record_id": "r1", "captured_at": MOMENT.isoformat(), "content_type": "image/jpeg", **said}
        digest = hashlib.sha256(data).hexdigest()
        return self.post("/presign", {"byte_size": len(data), "sha256": digest, **said})

    def put(self, offer: dict[str, Any], data: bytes, **changed: str) -> int:
        form = {**offer["form"], **changed}
        return requests.post(offer["url"], data=form, files={"file": data}, timeout=5).status_code

    def complete(self, offer: dict[str, Any]):
        return self.post(f"/{offer['id']}/complete")

    def hand_in(self, data: bytes, **said: Any):
        offer = self.begin(data, **said).json()
        assert self.put(offer, data) == 204
        return self.complete(offer)


@pytest.fixture
def camera(s3) -> Camera:
    return Camera()


def test_a_picture_goes_into_the_bucket_and_is_judged(camera, s3):
    data = make_jpeg(1)
    answer = camera.hand_in(data, trigger_label="door", metadata={"a": 1})
    assert answer.status_code == 201
    capture = Capture.unscoped.get()
    assert answer.json()["record_id"] == "r1"
    assert answer.json()["captured_at"] == "2026-03-01T12:00:00Z"
    assert (capture.trigger_label, capture.metadata, capture.sha256) == (
        "door",
        {"a": 1},
        hashlib.sha256(data).hexdigest(),
    )
    assert s3.names() == {capture.storage_key}
    assert default_storage.open(capture.storage_key).read() == data
    assert evaluate_next()
    flush()
    assert camera.device.keys.get().usage.get().pictures == 1


def test_the_form_takes_nothing_but_the_announced_bytes(camera, s3):
    data = make_jpeg(1)
    offer = camera.begin(data).json()
    damaged = data[:-10] + bytes(10)
    assert camera.put(offer, damaged) == 400
    assert camera.put(offer, data + b"x") == 400
    assert camera.put(offer, data[:-1]) == 400
    assert camera.put(offer, data, key="elsewhere.jpeg") == 403
    assert camera.put(offer, data, **{"Content-Type": "text/html"}) == 403
    other = hashlib.sha256(damaged).digest().hex()
    assert camera.put(offer, damaged, **{"x-amz-checksum-sha256": other}) == 403
    assert camera.put(offer, data, **{"x-amz-signature": "0" * 64}) == 403
    assert camera.put(offer, data, acl="public-read") == 403
    assert s3.names() == set()
    assert refused(camera.complete(offer)) == (409, "upload_missing", True, True)
    assert camera.put(offer, data) == 204
    assert camera.complete(offer).status_code == 201


def test_completing_twice_is_completing_once(camera):
    data = make_jpeg(1)
    offer = camera.begin(data).json()
    camera.put(offer, data)
    first, again = camera.complete(offer), camera.complete(offer)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert Capture.unscoped.count() == 1


@pytest.mark.django_db(transaction=True)
def test_completing_at_once_leaves_one_picture(s3):
    camera, data = Camera(), make_jpeg(1)
    offer = camera.begin(data).json()
    camera.put(offer, data)
    answers = sorted(at_once(lambda _: camera.complete(offer).status_code, 3))
    assert answers == [200, 200, 201]
    assert s3.names() == {Capture.unscoped.get().storage_key}


def test_who_still_has_the_form_cannot_change_the_picture(camera, s3):
    """Also where a bucket does not compare digests: what was read is what is kept."""
    data = make_jpeg(1)
    offer = camera.begin(data).json()
    camera.put(offer, data)
    camera.complete(offer)
    assert camera.put(offer, data) == 204
    capture = Capture.unscoped.get()
    s3.client().put_object(Bucket=s3.bucket, Key=offer["form"]["key"], Body=data[:-1] + b"x")
    assert default_storage.open(capture.storage_key).read() == data
    assert refused(camera.complete(offer)) == (400, "upload_differs", True, True)
    assert Capture.unscoped.get().sha256 == capture.sha256


def test_what_is_there_already_need_not_be_sent(camera):
    data = make_jpeg(1)
    first = camera.hand_in(data)
    again = camera.begin(data)
    assert (again.status_code, again.json()) == (200, first.json())
    under_another_name = camera.begin(data, record_id="r2")
    assert (under_another_name.status_code, under_another_name.json()["record_id"]) == (200, "r1")
    assert PendingUpload.unscoped.count() == 1


def test_the_same_again_is_the_same_upload(camera):
    data = make_jpeg(1)
    assert camera.begin(data).json()["id"] == camera.begin(data).json()["id"]
    assert camera.begin(data, record_id="r2").json()["id"] != camera.begin(data).json()["id"]


def test_directly_and_plainly_it_is_one_picture(camera, s3):
    data = make_jpeg(1)
    offer = camera.begin(data).json()
    camera.put(offer, data)
    plain = Client().post(
        "/v1/captures?record_id=r1",
        data,
        content_type="image/jpeg",
        headers={"Authorization": f"Bearer {camera.key}", "X-Visant-Captured-At": MOMENT.isoformat()},
    )
    assert (plain.status_code, camera.complete(offer).status_code) == (201, 200)
    assert s3.names() == {Capture.unscoped.get().storage_key}


def test_a_command_is_closed_by_its_picture(camera):
    queue_command(device=camera.device, trigger_type="manual", trigger_id="t1")
    camera.hand_in(make_jpeg(1), trigger_id="t1")
    assert Command.unscoped.get().status == "done"


def test_a_command_is_closed_by_a_picture_that_was_there_already(camera):
    """As when the answer to the first attempt was lost, or it came by the other way."""
    data = make_jpeg(1)
    offer = camera.begin(data, trigger_id="t1").json()
    camera.put(offer, data)
    assert camera.complete(offer).status_code == 201
    command = queue_command(device=camera.device, trigger_type="manual", trigger_id="t1")
    for again in (lambda: camera.begin(data, trigger_id="t1"), lambda: camera.complete(offer)):
        Command.unscoped.update(status="queued", closed_at=None)
        assert again().status_code == 200
        command.refresh_from_db()
        assert command.status == "done"


# --- refusals


def test_it_is_refused_before_a_byte_is_sent(camera, settings):
    data = make_jpeg(1)
    camera.hand_in(data)
    assert refused(camera.begin(make_jpeg(2))) == (409, "record_id_taken", False, True)
    future = (timezone.now() + timedelta(days=3)).isoformat()
    assert refused(camera.begin(make_jpeg(2), captured_at=future))[:2] == (400, "captured_at_out_of_range")
    settings.VISANT_MAX_PICTURE_MB = 1
    assert refused(camera.begin(data, byte_size=2 * 1024 * 1024)) == (413, "too_many_bytes", False, False)
    assert sorted(Rejection.unscoped.values_list("code", flat=True)) == ["record_id_taken", "too_many_bytes"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"byte_size": 0},
        {"byte_size": None},
        {"sha256": "abc"},
        {"sha256": "A" * 64},
        {"content_type": "image/gif"},
        {"record_id": "a/b"},
        {"metadata": []},
    ],
)
def test_what_is_said_wrongly_is_refused(camera, wrong):
    assert refused(camera.begin(make_jpeg(1), **wrong))[:2] == (400, "invalid")


def test_what_is_no_picture_is_refused_when_it_has_come(camera):
    assert refused(camera.hand_in(b"no picture at all")) == (415, "not_a_picture", False, False)
    assert refused(camera.hand_in(make_jpeg(3)[:-200]))[:2] == (400, "broken_picture")
    assert Capture.unscoped.count() == 0
    assert Rejection.unscoped.count() == 2


def test_the_type_is_what_the_picture_is(camera):
    camera.hand_in(make_picture("PNG"), content_type="image/jpeg")
    capture = Capture.unscoped.get()
    assert (capture.content_type, capture.storage_key.rpartition(".")[2]) == ("image/png", "png")


def test_another_camera_cannot_complete_it(camera):
    offer = camera.begin(make_jpeg(1)).json()
    assert refused(Camera().complete(offer)) == (404, "upload_not_found", False, True)
    assert refused(camera.begin(make_jpeg(1), device_id=str(Camera().device.pk)))[:2] == (403, "not_this_device")


def test_without_a_bucket_it_is_not_offered():
    camera = Camera()
    assert refused(camera.begin(make_jpeg(1))) == (404, "direct_upload_not_offered", False, True)
    assert "direct_upload" not in configuration_of(camera)


def configuration_of(camera: Camera) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {camera.key}"}
    return Client().get(f"/v1/devices/{camera.device.pk}/config", headers=headers).json()


def test_the_configuration_says_that_it_is_offered(camera):
    assert configuration_of(camera)["direct_upload"] is True


# --- outages and the sweep


def test_an_outage_before_it_is_complete_loses_nothing(camera, s3):
    data = make_jpeg(1)
    offer = camera.begin(data).json()
    camera.put(offer, data)
    s3.fail("PUT")  # it is read, and cannot be kept
    assert refused(camera.complete(offer)) == (503, "storage_unavailable", True, True)
    s3.stop()
    assert refused(camera.complete(offer)) == (503, "storage_unavailable", True, True)
    assert Capture.unscoped.count() == 0
    s3.start()
    assert camera.complete(offer).status_code == 201
    assert s3.names() == {Capture.unscoped.get().storage_key}


def test_when_the_bucket_was_given_up_the_camera_sends_it_anew(camera, settings):
    offer = camera.begin(make_jpeg(1)).json()
    settings.STORAGES = {name: storage for name, storage in settings.STORAGES.items() if name != "s3"}
    assert refused(camera.complete(offer)) == (409, "upload_missing", True, True)


def test_what_was_abandoned_is_swept_after_a_day(camera, s3):
    offer, done = camera.begin(make_jpeg(1)).json(), camera.hand_in(make_jpeg(2), record_id="r2")
    camera.put(offer, make_jpeg(1))
    assert sweep_uploads(now=datetime.now(UTC) + timedelta(hours=23)) == 0
    assert len(s3.names()) == 2
    s3.fail("DELETE")
    with pytest.raises(OSError, match="SlowDown"):
        sweep_uploads(now=datetime.now(UTC) + timedelta(hours=25))
    s3.mend()
    assert sweep_uploads(now=datetime.now(UTC) + timedelta(hours=25)) == 2
    assert s3.names() == {Capture.unscoped.get().storage_key}
    assert refused(camera.complete(offer))[:2] == (404, "upload_not_found")
    assert done.status_code == 201
