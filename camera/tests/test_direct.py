from __future__ import annotations

from pathlib import Path

import pytest

from builders import make_picture
from fake_bucket import FakeBucket
from fake_server import KEY, Answer, FakeServer, problem
from visant_camera.client import Client
from visant_camera.configuration import Configuration
from visant_camera.outcomes import KeyRejected, Received, SetAside, TryLater
from visant_camera.records import Record
from visant_camera.spool import Spool


@pytest.fixture
def bucket(server: FakeServer) -> FakeBucket:
    server.bucket = FakeBucket(server)
    return server.bucket


@pytest.fixture
def client(server: FakeServer) -> Client:
    return Client(server.url, KEY, timeouts=(2.0, 2.0), direct=lambda: True)


@pytest.fixture
def record(tmp_path: Path) -> Record:
    record = Spool(tmp_path, limit=2**20).add(make_picture("één"), trigger_label="motion")
    assert record is not None
    return record


DATA = make_picture("één").data


def test_a_picture_goes_into_the_bucket_and_the_key_does_not(
    server: FakeServer, bucket: FakeBucket, client: Client, record: Record
) -> None:
    assert isinstance(client.hand_in(record, DATA), Received)
    assert server.pictures[record.record_id][0] == DATA
    assert server.attempts == []  # nothing went the plain way
    [said] = bucket.begun.values()
    assert said == {
        "record_id": record.record_id,
        "captured_at": record.captured_at,
        "trigger_label": "motion",
        "trigger_id": "",
        "metadata": {"file": "één"},
        "byte_size": len(DATA),
        "sha256": record.sha256,
        "content_type": "image/jpeg",
    }
    assert all(KEY not in str(headers) for headers in bucket.headers)


def test_what_is_there_already_is_not_sent(
    server: FakeServer, bucket: FakeBucket, client: Client, record: Record
) -> None:
    bucket.offer = Answer(200, {"record_id": record.record_id})
    assert isinstance(client.hand_in(record, DATA), Received)
    assert bucket.headers == []


@pytest.mark.parametrize(
    "offer",
    [
        problem(404, retryable=False, keep_local=True, code="direct_upload_not_offered"),
        problem(400, retryable=False, keep_local=True, code="invalid"),
        Answer(201, {"id": "x", "url": None, "form": {}}),
        Answer(201, b"not json"),
        Answer(302, b"", {"Location": "/"}),
    ],
)
def test_where_it_is_not_offered_the_plain_way_is_gone_at_once(
    server: FakeServer, bucket: FakeBucket, client: Client, record: Record, offer: Answer
) -> None:
    bucket.offer = offer
    assert isinstance(client.hand_in(record, DATA), Received)
    assert server.attempts == [record.record_id]


def test_a_bucket_that_fails_is_left_alone_for_a_while(
    server: FakeServer, bucket: FakeBucket, client: Client, record: Record
) -> None:
    bucket.script = [Answer(403)]
    assert isinstance(client.hand_in(record, DATA), Received)
    assert isinstance(client.hand_in(record, DATA), Received)
    assert server.attempts == [record.record_id] * 2
    assert len(bucket.headers) == 1


def test_a_bucket_that_is_away_costs_no_picture(
    server: FakeServer, bucket: FakeBucket, client: Client, record: Record
) -> None:
    form = {"key": "x"}
    bucket.offer = Answer(201, {"id": "x", "url": "http://127.0.0.1:1/bucket", "form": form})
    assert isinstance(client.hand_in(record, DATA), Received)
    assert server.attempts == [record.record_id]


def test_what_did_not_arrive_goes_the_plain_way(
    server: FakeServer, bucket: FakeBucket, client: Client, record: Record
) -> None:
    bucket.script = [Answer(204)]  # it says so, and has nothing
    assert isinstance(client.hand_in(record, DATA), Received)
    assert server.attempts == [record.record_id]


@pytest.mark.parametrize(
    ("completion", "outcome"),
    [
        (problem(503, retryable=True, keep_local=True, Retry_After="5"), TryLater),
        (problem(429, retryable=True, keep_local=True, Retry_After="5"), TryLater),
        (problem(401, retryable=False, keep_local=True), KeyRejected),
        (problem(415, retryable=False, keep_local=False, code="not_a_picture"), SetAside),
    ],
)
def test_what_the_server_says_of_it_counts_as_of_any_picture(
    server: FakeServer, bucket: FakeBucket, client: Client, record: Record, completion: Answer, outcome: type
) -> None:
    bucket.completion = completion
    assert isinstance(client.hand_in(record, DATA), outcome)
    assert server.attempts == []


def test_without_an_offer_in_the_configuration_nothing_is_asked(
    server: FakeServer, bucket: FakeBucket, record: Record
) -> None:
    assert isinstance(Client(server.url, KEY).hand_in(record, DATA), Received)
    assert (server.attempts, bucket.begun) == ([record.record_id], {})


def test_the_configuration_says_whether_it_is_offered() -> None:
    assert Configuration.of({"direct_upload": True}).direct_upload
    assert not Configuration.of({"direct_upload": "yes"}).direct_upload
    assert "direct_upload" not in Configuration.of({"direct_upload": True}).followed(shrinks=True)
