"""``POST /v1/captures``: a camera hands in a picture."""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from captures.models import Capture
from captures.services import store_capture
from devices.services.keys import revoke_key
from tests.builders import MOMENT, make_device, make_jpeg, make_picture, stored_files
from tests.problems import refused
from tests.threads import at_once

pytestmark = pytest.mark.django_db
URL = "/v1/captures"
MEGABYTE = 1024 * 1024


def send(client: Client, key: str, data: bytes, *, query: str = "", content_type: str = "image/jpeg", **headers):
    return client.post(
        f"{URL}?{query}",
        data,
        content_type=content_type,
        headers={"Authorization": f"Bearer {key}", **headers},
    )


def send_json(client: Client, key: str, data: bytes | None = None, **fields):
    if data is not None:
        fields["image_base64"] = base64.b64encode(data).decode()
    return send(client, key, json.dumps(fields).encode(), content_type="application/json")


def send_form(client: Client, key: str, fields: dict):
    return client.post(URL, fields, headers={"Authorization": f"Bearer {key}"})


def as_written(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def nothing_is_stored() -> bool:
    return not Capture.unscoped.exists() and stored_files() == set()


# --- the three bodies


def digest_of(data: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


def test_a_picture_that_differs_from_its_digest_is_asked_for_again(client):
    _, key = make_device()
    data = make_jpeg()
    damaged = data[:-1] + b"\0"
    for told in (digest_of(data), f"sha-512=:eA==:, {digest_of(data)}", "sha-256=:eA==:", "sha-256="):
        answer = send(client, key, damaged, **{"Content-Digest": told})
        assert refused(answer) == (400, "digest_mismatch", True, True)
    assert nothing_is_stored()


def test_a_picture_is_taken_by_its_digest_or_without_one_that_is_known(client):
    _, key = make_device()
    data = make_jpeg()
    for told in (digest_of(data), f"{digest_of(data)},sha-512=:eA==:", "sha-512=:eA==:", ""):
        assert send(client, key, data, query="record_id=r1", **{"Content-Digest": told}).status_code in (200, 201)


def test_a_raw_picture_is_kept_and_answered_with_its_receipt(client):
    device, key = make_device()
    data = make_jpeg()
    answer = send(
        client, key, data, query="record_id=r1&captured_at=2026-03-01T10:00:00%2B02:00&trigger_label=door"
    )
    assert answer.status_code == 201
    capture = Capture.unscoped.get()
    assert answer.json() == {
        "record_id": "r1",
        "device_id": str(device.pk),
        "captured_at": "2026-03-01T08:00:00Z",
        "ingested_at": as_written(capture.received_at),
        "evaluation_status": "pending",
        "state": None,
        "score": None,
        "reason": None,
        "evaluated_at": None,
        "image_stored": True,
        "thumbnail_stored": False,
    }
    assert default_storage.open(capture.storage_key).read() == data
    assert capture.storage_key == f"{device.org_id}/devices/{device.pk}/captures/2026/03/01/{capture.pk}.jpeg"
    assert (capture.org_id, capture.content_type, capture.byte_size) == (device.org_id, "image/jpeg", len(data))
    assert (capture.width, capture.height, capture.trigger_label) == (64, 48, "door")


FIELDS = {
    "record_id": "r1",
    "captured_at": "2026-03-01T13:00:00+01:00",
    "trigger_label": "door",
    "trigger_id": "t-7",
    "metadata": {"battery": 0.5, "note": "kalt ❄"},
}


def raw_with_headers(client, device, key, data):
    headers = {f"X-Visant-{name.replace('_', '-')}": value for name, value in FIELDS.items() if name != "metadata"}
    headers["X-Visant-Metadata"] = json.dumps(FIELDS["metadata"])
    return send(client, key, data, **{"X-Visant-Device-Id": str(device.pk)}, **headers)


def raw_with_query(client, device, key, data):
    fields = {**FIELDS, "metadata": json.dumps(FIELDS["metadata"]), "device_id": str(device.pk)}
    answer = client.post(
        URL, data, content_type="image/jpeg", query_params=fields, headers={"Authorization": f"Bearer {key}"}
    )
    assert answer.wsgi_request.GET["record_id"] == "r1"
    return answer


def form(client, device, key, data):
    metadata = json.dumps(FIELDS["metadata"])
    picture = SimpleUploadedFile("x.jpg", data, "image/jpeg")
    return send_form(client, key, {**FIELDS, "metadata": metadata, "device_id": str(device.pk), "image": picture})


def form_with_another_name_of_the_file(client, device, key, data):
    metadata = json.dumps(FIELDS["metadata"])
    return send_form(client, key, {**FIELDS, "metadata": metadata, "snapshot": SimpleUploadedFile("x.jpg", data)})


def json_body(client, device, key, data):
    return send_json(client, key, data, **FIELDS, device_id=str(device.pk).upper())


def json_body_with_a_data_url(client, device, key, data):
    return send_json(
        client, key, image_base64=f"data:image/jpeg;base64,{base64.encodebytes(data).decode()}", **FIELDS
    )


@pytest.mark.parametrize(
    "hand_in",
    [
        raw_with_headers,
        raw_with_query,
        form,
        form_with_another_name_of_the_file,
        json_body,
        json_body_with_a_data_url,
    ],
)
def test_every_body_carries_the_same_fields(client, hand_in):
    device, key = make_device()
    data = make_jpeg()
    assert hand_in(client, device, key, data).status_code == 201
    capture = Capture.unscoped.get()
    assert (capture.device, capture.record_id, capture.captured_at) == (device, "r1", MOMENT)
    assert (capture.trigger_label, capture.trigger_id) == ("door", "t-7")
    assert capture.metadata == FIELDS["metadata"]
    assert default_storage.open(capture.storage_key).read() == data


def test_the_query_wins_over_headers_and_the_body_over_both(client):
    _, key = make_device()
    headers = {"X-Visant-Record-Id": "header", "X-Visant-Trigger-Label": "header", "X-Visant-Trigger-Id": "header"}
    body = {"record_id": "body", "image_base64": base64.b64encode(make_jpeg()).decode()}
    query = "record_id=query&trigger_label=query"
    send(client, key, json.dumps(body).encode(), query=query, content_type="application/json", **headers)
    capture = Capture.unscoped.get()
    assert (capture.record_id, capture.trigger_label, capture.trigger_id) == ("body", "query", "header")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_what_its_bytes_say_whatever_the_header_says(client, kind):
    _, key = make_device()
    assert send(client, key, make_picture(kind), content_type="image/x-whatever").status_code == 201
    capture = Capture.unscoped.get()
    assert capture.content_type == f"image/{kind.lower()}"
    assert capture.storage_key.endswith(f".{kind.lower()}")


def test_without_a_record_id_the_picture_is_named_by_its_own_id(client):
    _, key = make_device()
    answer = send(client, key, make_jpeg())
    capture = Capture.unscoped.get()
    assert answer.json()["record_id"] == capture.record_id == str(capture.pk)


# --- bodies that are refused


@pytest.mark.parametrize(
    ("content_type", "body", "status", "code"),
    [
        ("image/jpeg", b"", 400, "broken_picture"),
        ("image/jpeg", make_jpeg()[:-100], 400, "broken_picture"),
        ("image/jpeg", b"<html>", 415, "not_a_picture"),
        ("text/plain", make_jpeg(), 415, "unsupported_media_type"),
        ("application/x-www-form-urlencoded", b"image_base64=AAAA", 415, "unsupported_media_type"),
        ("application/octet-stream", make_jpeg(), 415, "unsupported_media_type"),
        ("", make_jpeg(), 415, "unsupported_media_type"),
        ("nonsense", make_jpeg(), 415, "unsupported_media_type"),
        ("multipart/form-data", b"no boundary", 400, "parse_error"),
        ("multipart/form-data; boundary=x", b"--x--\r\n", 400, "invalid"),
        ("application/json", b"{", 400, "invalid"),
        ("application/json", b"\xff\xfe", 400, "invalid"),
        ("application/json", b"[" * 100_000, 400, "invalid"),
        ("application/json", b"[1]", 400, "invalid"),
        ("application/json", b"{}", 400, "invalid"),
        ("application/json", b'{"image_base64": 5}', 400, "invalid"),
        ("application/json", b'{"image_base64": ""}', 400, "invalid"),
        ("application/json", b'{"image_base64": "a"}', 400, "invalid"),
        ("application/json", '{"image_base64": "é"}'.encode(), 400, "invalid"),
        ("application/json", b'{"image_base64": "PGh0bWw+"}', 415, "not_a_picture"),
    ],
)
def test_a_body_that_holds_no_picture_is_refused_and_nothing_stored(client, content_type, body, status, code):
    _, key = make_device()
    # What is wrong with the request says nothing about the picture.
    keep_local = code not in ("broken_picture", "not_a_picture")
    assert refused(send(client, key, body, content_type=content_type)) == (status, code, False, keep_local)
    assert nothing_is_stored()


@pytest.mark.parametrize(("query", "accept"), [("", "text/html"), ("format=jpeg", "*/*")])
def test_what_a_camera_would_like_to_hear_is_no_reason_to_refuse_its_picture(client, query, accept):
    _, key = make_device()
    assert send(client, key, make_jpeg(), query=query, accept=accept).status_code == 201


def form_body(data: bytes) -> tuple[bytes, str]:
    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
    return head + data + b"\r\n--x--\r\n", "multipart/form-data; boundary=x"


def json_of(data: bytes) -> tuple[bytes, str]:
    return json.dumps({"image_base64": base64.b64encode(data).decode()}).encode(), "application/json"


def raw_body(data: bytes) -> tuple[bytes, str]:
    return data, "image/jpeg"


@pytest.mark.parametrize("wrap", [raw_body, form_body, json_of])
def test_a_picture_may_be_as_large_as_the_limit_and_no_larger(client, settings, wrap):
    settings.VISANT_MAX_PICTURE_MB = 1
    _, key = make_device()
    picture = make_jpeg()
    full = picture + bytes(MEGABYTE - len(picture))  # what stands behind the end of a JPEG is kept as it is
    body, content_type = wrap(full + bytes(400_000))
    assert refused(send(client, key, body, content_type=content_type)) == (413, "too_many_bytes", False, False)
    body, content_type = wrap(full + b"x")
    assert refused(send(client, key, body, content_type=content_type)) == (413, "too_many_bytes", False, False)
    assert nothing_is_stored()
    body, content_type = wrap(full)
    assert send(client, key, body, content_type=content_type).status_code == 201
    assert Capture.unscoped.get().byte_size == MEGABYTE


def test_too_many_pixels_are_refused(client, settings):
    settings.VISANT_MAX_MEGAPIXELS = 1
    _, key = make_device()
    assert refused(send(client, key, make_jpeg(size=(1001, 1000)))) == (413, "too_many_pixels", False, False)
    assert nothing_is_stored()
    assert send(client, key, make_jpeg(size=(1000, 1000))).status_code == 201


DEEP = "[" * 3000 + "]" * 3000


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("record_id", ""),
        ("record_id", "a/b"),
        ("record_id", "a\x00b"),
        ("record_id", "a\nb"),
        ("record_id", "\ud800"),
        ("record_id", "x" * 201),
        ("record_id", {"a": 1}),
        ("device_id", ""),
        ("device_id", ["x"]),
        ("trigger_label", "x" * 101),
        ("trigger_label", "\x00"),
        ("trigger_id", "x" * 101),
        ("captured_at", ""),
        ("captured_at", "yesterday"),
        ("captured_at", 1767225600),
        ("captured_at", "2026-02-30T00:00:00Z"),
        ("captured_at", "0001-01-01T00:00:00+14:00"),
        ("captured_at", "9999-12-31T23:59:59-12:00"),
        ("metadata", "text"),
        ("metadata", [1]),
        ("metadata", "[1]"),
        ("metadata", DEEP),
        ("metadata", f'{{"a": {DEEP}}}'),
        ("metadata", {"a": "x" * 17_000}),
        ("metadata", {"a": "\x00"}),
        ("metadata", {"\x00": 1}),
        ("metadata", {"a": "\\\x00"}),
        ("metadata", {"a": "\ud800"}),
        ("metadata", {"a": float("nan")}),
        ("metadata", '{"a": 1e999}'),
    ],
)
def test_a_field_that_cannot_be_taken_is_named_and_nothing_stored(client, field, value):
    _, key = make_device()
    answer = send_json(client, key, make_jpeg(), **{field: value})
    assert refused(answer) == (400, "invalid", False, True)
    assert answer.json()["detail"].startswith(f"{field}: ")
    assert nothing_is_stored()


@pytest.mark.parametrize("record_id", ["5", "Gate 2 · Ümlaut", "..", "a?b#c%2F", "{0}", "x" * 200])
def test_a_record_id_may_be_nearly_anything(client, record_id):
    _, key = make_device()
    assert send_json(client, key, make_jpeg(), record_id=record_id).json()["record_id"] == record_id


def test_metadata_is_kept_to_the_letter(client):
    _, key = make_device()
    metadata = {"path": "C:\\u0000\\\\", "nested": {"list": [1, 2.5, None, True, 10**30]}, "": "☃", "'": '"'}
    assert send_json(client, key, make_jpeg(), metadata=metadata).status_code == 201
    assert Capture.unscoped.get().metadata == metadata


def test_a_null_is_like_a_field_that_is_missing(client):
    _, key = make_device()
    nothing = dict.fromkeys(["record_id", "captured_at", "trigger_label", "trigger_id", "metadata", "device_id"])
    assert send_json(client, key, make_jpeg(), **nothing).status_code == 201
    capture = Capture.unscoped.get()
    assert (capture.record_id, capture.trigger_label, capture.metadata) == (str(capture.pk), "", {})


@pytest.mark.parametrize("where", ["query", "header", "json"])
def test_a_device_id_that_is_not_the_keys_is_refused_wherever_it_stands(client, where):
    _, key = make_device()
    other, _ = make_device()
    named = str(other.pk)
    if where == "json":
        answer = send_json(client, key, make_jpeg(), device_id=named)
    elif where == "header":
        answer = send(client, key, make_jpeg(), **{"X-Visant-Device-Id": named})
    else:
        answer = send(client, key, make_jpeg(), query=f"device_id={named}")
    assert refused(answer) == (403, "not_this_device", False, True)
    assert nothing_is_stored()


# --- moments


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-03-01T12:00:00Z", MOMENT),
        ("2026-03-01T12:00:00+00:00", MOMENT),
        ("2026-03-01T17:45:00+05:45", MOMENT),
        ("2026-03-01T08:30:00-03:30", MOMENT),
        ("2026-03-02T02:00:00+14:00", MOMENT),
        ("2026-03-01 13:00:00 01:00", MOMENT),  # a plus that was not escaped in a URL
        ("2026-03-01T12:00:00.123456Z", MOMENT.replace(microsecond=123456)),
        ("2000-01-01T00:00:00Z", datetime(2000, 1, 1, tzinfo=UTC)),
    ],
)
def test_any_offset_is_understood(client, written, meant):
    _, key = make_device()
    answer = send_json(client, key, make_jpeg(), captured_at=written)
    capture = Capture.unscoped.get()
    assert (answer.status_code, capture.captured_at, capture.metadata) == (201, meant, {})
    assert answer.json()["captured_at"] == as_written(meant)


def test_without_a_moment_it_is_the_one_of_arrival(client):
    _, key = make_device()
    before = timezone.now()
    receipt = send(client, key, make_jpeg()).json()
    capture = Capture.unscoped.get()
    assert receipt["captured_at"] == receipt["ingested_at"]
    assert before <= capture.captured_at == capture.received_at <= timezone.now()


def test_a_moment_more_than_a_day_ahead_is_refused_and_the_camera_keeps_the_picture(client):
    _, key = make_device()
    tomorrow = timezone.now() + timedelta(days=1, minutes=1)
    answer = send_json(client, key, make_jpeg(), captured_at=tomorrow.isoformat())
    assert refused(answer) == (400, "captured_at_out_of_range", False, True)
    assert nothing_is_stored()


def test_a_moment_before_1970_is_refused_and_one_of_a_clock_that_was_never_set_is_doubted(client):
    _, key = make_device()
    answer = send_json(client, key, make_jpeg(), captured_at="1969-12-31T23:59:59Z")
    assert refused(answer) == (400, "captured_at_out_of_range", False, True)
    assert nothing_is_stored()
    assert send_json(client, key, make_jpeg(), captured_at="1970-01-01T00:00:07Z").status_code == 201
    doubt = "it is from before 2000, as of a clock that was not set"
    assert Capture.unscoped.get().metadata == {"clock_doubt": doubt}


def test_a_picture_whose_bytes_were_lost_is_there_again_when_it_is_sent_again(client):
    _, key = make_device()
    data = make_jpeg()
    send(client, key, data, query="record_id=r1")
    capture = Capture.unscoped.get()
    default_storage.delete(capture.storage_key)
    assert send(client, key, data, query="record_id=r1").status_code == 200
    assert default_storage.open(capture.storage_key).read() == data


@pytest.mark.parametrize(
    ("written", "doubt"),
    [
        ("2026-03-01T12:00:00", "it came without an offset and was read as UTC"),
        (timedelta(minutes=4), None),
        (timedelta(hours=23, minutes=59), "ahead of the server's clock"),
    ],
)
def test_a_doubtful_clock_is_noted_beside_the_cameras_own_metadata(client, written, doubt):
    _, key = make_device()
    if isinstance(written, timedelta):
        written = (timezone.now() + written).isoformat()
    assert send_json(client, key, make_jpeg(), captured_at=written, metadata={"a": 1}).status_code == 201
    metadata = Capture.unscoped.get().metadata
    assert metadata.pop("a") == 1
    if doubt is None:
        assert metadata == {}
    else:
        assert list(metadata) == ["clock_doubt"]
        assert doubt in metadata["clock_doubt"]


# --- the same picture again


def test_the_same_record_id_with_the_same_bytes_answers_with_the_first_receipt(client):
    _, key = make_device()
    first = send(client, key, make_jpeg(), query="record_id=r1&captured_at=2026-03-01T12:00:00Z")
    again = send(client, key, make_jpeg(), query="record_id=r1&captured_at=2026-03-01T12:00:30Z")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert stored_files() == {Capture.unscoped.get().storage_key}


def test_the_same_bytes_at_the_same_moment_answer_with_the_first_receipt(client):
    _, key = make_device()
    first = send(client, key, make_jpeg(), query="captured_at=2026-03-01T12:00:00Z")
    again = send(client, key, make_jpeg(), query="captured_at=2026-03-01T13:00:00%2B01:00&record_id=other")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert stored_files() == {Capture.unscoped.get().storage_key}


def test_the_receipt_of_the_record_id_goes_before_that_of_the_same_bytes_and_moment(client):
    _, key = make_device()
    send(client, key, make_jpeg(), query="record_id=r1&captured_at=2026-03-01T12:00:00Z")
    second = send(client, key, make_jpeg(), query="record_id=r2&captured_at=2026-03-01T12:01:00Z")
    again = send(client, key, make_jpeg(), query="record_id=r2&captured_at=2026-03-01T12:00:00Z")
    assert (again.status_code, again.json()) == (200, second.json())


def test_other_bytes_under_a_used_record_id_are_a_conflict_and_leave_the_first_alone(client):
    _, key = make_device()
    send(client, key, make_jpeg(1), query="record_id=r1")
    answer = send(client, key, make_jpeg(2), query="record_id=r1")
    assert refused(answer) == (409, "record_id_taken", False, True)
    capture = Capture.unscoped.get()
    assert stored_files() == {capture.storage_key}
    assert default_storage.open(capture.storage_key).read() == make_jpeg(1)


def test_the_same_bytes_at_another_moment_are_another_picture(client):
    _, key = make_device()
    for minute in (1, 2):
        answer = send(client, key, make_jpeg(), query=f"captured_at=2026-03-01T12:0{minute}:00Z")
        assert answer.status_code == 201
    assert len(stored_files()) == Capture.unscoped.count() == 2


def test_two_cameras_may_use_the_same_record_id_and_send_the_same_bytes(client):
    keys = [make_device()[1], make_device()[1]]
    for key in keys:
        answer = send(client, key, make_jpeg(), query="record_id=r1&captured_at=2026-03-01T12:00:00Z")
        assert answer.status_code == 201
    assert len(stored_files()) == Capture.unscoped.count() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "query",
    ["record_id=r1", "captured_at=2026-03-01T12:00:00Z", "record_id=r1&captured_at=2026-03-01T12:00:00Z"],
)
def test_equal_uploads_at_the_same_instant_make_one_row_and_one_file(query):
    _, key = make_device()
    answers = at_once(lambda _: send(Client(), key, make_jpeg(), query=query), 8)
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.content for answer in answers}) == 1
    assert stored_files() == {Capture.unscoped.get().storage_key}


@pytest.mark.django_db(transaction=True)
def test_of_different_pictures_under_one_record_id_at_the_same_instant_one_is_kept():
    _, key = make_device()
    answers = at_once(lambda seed: send(Client(), key, make_jpeg(seed), query="record_id=r1"), 8)
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    winner = next(seed for seed, answer in enumerate(answers) if answer.status_code == 201)
    capture = Capture.unscoped.get()
    assert stored_files() == {capture.storage_key}
    assert default_storage.open(capture.storage_key).read() == make_jpeg(winner)


@pytest.mark.django_db(transaction=True)
def test_different_pictures_at_the_same_instant_are_all_kept():
    _, key = make_device()
    answers = at_once(lambda seed: send(Client(), key, make_jpeg(seed)), 8)
    assert [answer.status_code for answer in answers] == [201] * 8
    assert stored_files() == set(Capture.unscoped.values_list("storage_key", flat=True))
    assert Capture.unscoped.count() == 8


# --- what it costs, and what it leaves


def test_an_upload_takes_four_statements(client, django_assert_num_queries):
    _, key = make_device()
    with django_assert_num_queries(4):
        assert send(client, key, make_jpeg(1), query="record_id=r1").status_code == 201
    with django_assert_num_queries(2):
        assert send(client, key, make_jpeg(2), query="record_id=r2").status_code == 201
    with django_assert_num_queries(3):
        assert send(client, key, make_jpeg(2), query="record_id=r2").status_code == 200


def test_the_request_makes_no_thumbnail_and_leaves_the_judging_to_the_workers(client):
    _, key = make_device()
    send(client, key, make_jpeg(size=(640, 480)))
    capture = Capture.unscoped.get()
    assert (capture.thumbnail_key, capture.verdict, capture.evaluation_status) == ("", None, "pending")
    assert capture.evaluation_due_at == capture.received_at
    assert stored_files() == {capture.storage_key}


def test_a_revoked_key_stores_nothing(client):
    device, key = make_device()
    revoke_key(key=device.keys.get(), acting_user=None)
    assert refused(send(client, key, make_jpeg())) == (401, "key_revoked", False, True)
    assert nothing_is_stored()


def test_a_files_name_that_is_taken_is_the_same_bytes_again():
    name = default_storage.save("a/b.jpeg", ContentFile(b"first"))
    assert default_storage.save("a/b.jpeg", ContentFile(b"again")) == name == "a/b.jpeg"
    assert stored_files() == {"a/b.jpeg"}


def test_the_service_itself_reads_a_naive_moment_as_utc():
    device, _ = make_device()
    capture, created = store_capture(device=device, data=make_jpeg(), captured_at=MOMENT.replace(tzinfo=None))
    assert (created, capture.captured_at) == (True, MOMENT)
