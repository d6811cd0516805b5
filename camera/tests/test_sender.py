from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Callable

import pytest

from builders import make_picture, wait_until, waiting
from fake_server import DEVICE, KEY, PORTAL, Answer, FakeServer, problem
from visant_camera import __version__
from visant_camera.backoff import Backoff
from visant_camera.client import Client
from visant_camera.link import Link
from visant_camera.outcomes import Received
from visant_camera.receipts import retry_after
from visant_camera.records import Record
from visant_camera.sender import KEY_RETRY, Sender
from visant_camera.spool import Spool

Start = Callable[..., Sender]


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path, limit=2**20)


@pytest.fixture
def start(server: FakeServer, spool: Spool) -> Iterator[Start]:
    """Starts a sender whose waits are short, so that a test may see many of them."""
    started: list[Sender] = []

    def start(
        *, key: str = KEY, timeouts: tuple[float, float] = (2.0, 2.0), key_retry: float = KEY_RETRY
    ) -> Sender:
        client = Client(Link(server.url, key, timeouts=timeouts))
        sender = Sender(spool, client, backoff=lambda: Backoff(first=0.02, longest=0.1), key_retry=key_retry)
        sender.start()
        started.append(sender)
        return sender

    yield start
    for sender in started:
        sender.stop(patience=3)


def add(spool: Spool, text: str) -> Record:
    record = spool.add(make_picture(text), trigger_label="motion")
    assert record is not None
    return record


def test_a_picture_arrives_whole_with_all_that_is_known_of_it(
    server: FakeServer, spool: Spool, start: Start
) -> None:
    record = add(spool, "één ✓")
    start()
    wait_until(lambda: len(spool) == 0)
    body, headers = server.pictures[record.record_id]
    assert body == make_picture("één ✓").data
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert headers["Content-Type"] == "image/jpeg"
    assert headers["User-Agent"] == f"visant-camera/{__version__}"
    assert headers["X-Visant-Record-Id"] == record.record_id
    assert headers["X-Visant-Captured-At"] == record.captured_at
    assert headers["X-Visant-Trigger-Label"] == "motion"
    assert headers["X-Visant-Metadata"].isascii()
    assert json.loads(headers["X-Visant-Metadata"]) == {"file": "één ✓"}


def test_a_picture_leaves_the_spool_only_on_its_receipt(
    server: FakeServer, spool: Spool, start: Start, tmp_path: Path
) -> None:
    record = add(spool, "once")
    server.script = [
        PORTAL,
        Answer(201, {"record_id": "20261120T093000000000Z_00000000"}),
        Answer(200, b"[]"),
        Answer(200, b"[" * 100_000),
        Answer(202, {"record_id": record.record_id}),
        Answer(204),
    ]
    seen: list[set[str]] = []
    receipt, server.judge = server.judge, lambda record_id: seen.append(waiting(tmp_path)) or None
    start()
    wait_until(lambda: len(spool) == 0)
    server.judge = receipt
    assert server.attempts == [record.record_id] * 7
    assert seen == [{record.record_id}]
    wait_until(lambda: waiting(tmp_path) == set())


def test_a_repeated_picture_is_received_by_200(server: FakeServer, spool: Spool, start: Start) -> None:
    record = add(spool, "twice")
    server.pictures[record.record_id] = (b"", {})
    start()
    wait_until(lambda: len(spool) == 0)
    assert server.receipts == [(record.record_id, 200)]


@pytest.mark.parametrize(
    ("status", "changed", "is_received"),
    [
        (200, {}, True),
        (201, {}, False),
        (200, {"captured_at": "2026-03-01T12:00:00Z"}, False),
        (200, {"captured_at": "soon"}, False),
        (200, {"device_id": None}, False),
    ],
)
def test_the_receipt_that_the_same_picture_had_under_another_name_is_one(
    server: FakeServer, spool: Spool, status: int, changed: dict[str, Any], is_received: bool
) -> None:
    record = add(spool, "known")
    moment = datetime.fromisoformat(record.captured_at).astimezone(timezone.utc)
    said = moment.isoformat().replace("+00:00", "Z")
    receipt = {"record_id": "the first one", "device_id": DEVICE, "captured_at": said, **changed}
    server.script.append(Answer(status, receipt))
    outcome = Client(Link(server.url, KEY)).hand_in(record, b"known")
    assert isinstance(outcome, Received) == is_received


def test_after_an_outage_the_newest_goes_first(server: FakeServer, spool: Spool, start: Start) -> None:
    server.stop()
    records = [add(spool, str(number)) for number in range(4)]
    start()
    time.sleep(0.3)
    assert len(spool) == 4
    server.start()
    wait_until(lambda: len(spool) == 0)
    assert [record_id for record_id, _ in server.receipts] == [record.record_id for record in reversed(records)]


@pytest.mark.parametrize(
    "bad_day",
    [
        Answer(500),
        Answer(502, b"<html>Bad gateway</html>"),
        problem(429, retryable=True, keep_local=True),
        problem(409, retryable=True, keep_local=True),
        Answer(404, b"<html>The proxy restarts</html>"),
        Answer(302, headers={"Location": "/v1/captures/login"}),
    ],
    ids=lambda answer: str(answer.status),
)
def test_a_passing_trouble_is_tried_again(server: FakeServer, spool: Spool, start: Start, bad_day: Answer) -> None:
    record = add(spool, "again")
    server.script = [bad_day, bad_day]
    start()
    wait_until(lambda: len(spool) == 0)
    assert server.attempts == [record.record_id] * 3
    assert server.receipts == [(record.record_id, 201)]


def test_a_server_that_never_answers_is_left_in_time(spool: Spool, start: Start, server: FakeServer) -> None:
    record = add(spool, "slow")
    server.judge = lambda record_id: time.sleep(0.6) if len(server.attempts) == 1 else None
    start(timeouts=(0.2, 0.2))
    wait_until(lambda: (record.record_id, 200) in server.receipts or len(spool) == 0)
    wait_until(lambda: len(spool) == 0)
    assert len(server.attempts) >= 2


def test_retry_after_is_honoured(server: FakeServer, spool: Spool, start: Start) -> None:
    add(spool, "wait")
    server.script = [problem(503, retryable=True, keep_local=True, Retry_After="1")]
    begun = time.monotonic()
    start()
    wait_until(lambda: len(spool) == 0)
    assert 1.0 <= time.monotonic() - begun < 6.0  # and not the minutes that others are waited for


def test_retry_after_may_be_seconds_or_a_date_and_is_bounded() -> None:
    in_a_minute = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=60), usegmt=True)
    assert retry_after("7") == 7
    assert retry_after(in_a_minute) == pytest.approx(60, abs=2)
    assert retry_after("86400") == 600
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after("soon") is None
    assert retry_after(None) is None


def test_back_off_doubles_up_to_its_limit_with_full_jitter() -> None:
    rounds = []
    for _ in range(400):
        backoff = Backoff()
        rounds.append([backoff.next() for _ in range(9)])
    highest = [max(waits) for waits in zip(*rounds)]
    assert highest == pytest.approx([1, 2, 4, 8, 16, 30, 30, 30, 30], rel=0.1)
    assert min(waits[-1] for waits in rounds) < 6


def test_one_bad_picture_never_holds_up_the_next_ones(server: FakeServer, spool: Spool, start: Start) -> None:
    old, poison = add(spool, "old"), add(spool, "poison")
    server.judge = lambda record_id: Answer(500) if record_id == poison.record_id else None
    sender = start()
    wait_until(lambda: old.record_id in server.pictures)
    new = add(spool, "new")
    sender.notice()
    wait_until(lambda: new.record_id in server.pictures)
    wait_until(lambda: spool.newest() == poison)
    server.judge = lambda record_id: None
    wait_until(lambda: len(spool) == 0)


@pytest.mark.parametrize(("keep_local", "folder"), [(False, "refused"), (True, "kept")])
def test_a_refused_picture_is_set_aside_with_the_reason(
    server: FakeServer, spool: Spool, start: Start, tmp_path: Path, keep_local: bool, folder: str
) -> None:
    good, bad = add(spool, "good"), add(spool, "bad")
    server.script = [problem(409, retryable=False, keep_local=keep_local)]
    sender = start()
    wait_until(lambda: len(spool) == 0)
    time.sleep(0.15)
    assert server.attempts == [bad.record_id, good.record_id]
    assert sender.put_aside == 1
    aside = {path.name: path for path in (tmp_path / folder).iterdir()}
    assert set(aside) == {bad.picture_name, bad.sidecar_name, f"{bad.record_id}.reason.json"}
    assert aside[bad.picture_name].read_bytes() == make_picture("bad").data
    reason = json.loads(aside[f"{bad.record_id}.reason.json"].read_text())
    assert reason["why"] == "409: Problem 409."
    assert reason["answer"]["keep_local"] is keep_local


def test_a_proxys_size_limit_sets_the_picture_aside(
    server: FakeServer, spool: Spool, start: Start, tmp_path: Path
) -> None:
    record = add(spool, "large")
    server.script = [Answer(413, b"<html>Request Entity Too Large</html>")]
    start()
    wait_until(lambda: (tmp_path / "kept" / record.sidecar_name).exists())
    assert len(spool) == 0


def test_a_picture_damaged_on_the_disk_is_kept_and_never_sent(
    server: FakeServer, spool: Spool, start: Start, tmp_path: Path
) -> None:
    good, bad = add(spool, "good"), add(spool, "bad")
    (tmp_path / bad.picture_name).write_bytes(b"\xff\xd8\xffflipped bits")
    start()
    wait_until(lambda: len(spool) == 0)
    assert list(server.pictures) == [good.record_id]
    assert (tmp_path / "kept" / f"{bad.record_id}.reason.json").exists()


@pytest.mark.parametrize("status", [401, 403])
def test_a_rejected_key_keeps_every_picture_and_says_once_what_to_do(
    server: FakeServer,
    spool: Spool,
    start: Start,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    records = {add(spool, text).record_id for text in "ab"}
    server.judge = lambda record_id: problem(status, retryable=False, keep_local=False)
    start(key_retry=0.05)
    wait_until(lambda: len(server.attempts) >= 3)
    assert waiting(tmp_path) == records
    assert caplog.text.count("Make a new key") == 1
    assert KEY not in caplog.text
    server.judge = lambda record_id: None
    wait_until(lambda: len(spool) == 0)


def test_a_rejected_key_is_tried_once_a_minute(server: FakeServer, spool: Spool, start: Start) -> None:
    add(spool, "a")
    sender = start(key="vis_dev_revoked")
    wait_until(lambda: sender.resumes_at > 0)
    assert sender.resumes_at - time.monotonic() == pytest.approx(60, abs=1)


def test_a_sent_picture_is_a_line_for_people(
    server: FakeServer, spool: Spool, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    record = spool.add(make_picture(size=58 * 1024), trigger_label="t")
    assert record is not None
    with caplog.at_level(logging.INFO, "visant_camera"):
        start()
        wait_until(lambda: len(spool) == 0)
    assert re.search(rf"sent {record.record_id} \(58 KB\) in \d+ ms", caplog.text)


def test_a_machines_netrc_never_replaces_the_key(
    server: FakeServer, spool: Spool, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    record = add(spool, "a")
    start()
    wait_until(lambda: record.record_id in server.pictures)
