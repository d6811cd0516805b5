"""A deployment on many hosts outlives the end of any of its processes: nothing acknowledged is lost or doubled."""

import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator

import pytest
import requests

from tests.builders import make_jpeg
from tests.environment import FOLDER
from tests.layout import NGINX, Layout

pytestmark = [
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed."),
    pytest.mark.skipif(os.environ.get("VISANT_TEST_DATABASE") != "postgresql", reason="It is of PostgreSQL."),
]
# While one of these is away, others do its work; the rest have but one.
REPLACED = ["web-1", "events", "worker-1", "scheduler", "redis"]
ALONE = ["s3", "nginx", "postgres"]
CLIENTS = 2
PAUSE_SECONDS = 0.15


class Cameras:
    """Clients that send one picture after the other, each until it is acknowledged, until they are stopped."""

    def __init__(self, url: str, key: str) -> None:
        self.url, self.key = f"{url}/v1/captures", key
        self.acknowledged: dict[str, str] = {}
        self.receipts: list[tuple[str, int]] = []
        self.refused: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(CLIENTS)]

    def __enter__(self) -> "Cameras":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _send(self, number: int) -> None:
        count = 0
        while not self._stop.is_set():
            count += 1
            data = make_jpeg(seed=number * 100_000 + count)
            record = f"{number}-{count}"
            if self._send_until_acknowledged(record, data):
                self.acknowledged[record] = hashlib.sha256(data).hexdigest()
            time.sleep(PAUSE_SECONDS)

    def _send_until_acknowledged(self, record: str, data: bytes) -> bool:
        """A camera that lost the answer sends the picture again, by the same record id."""
        headers = {"X-API-Key": self.key, "Content-Type": "image/jpeg"}
        give_up = time.monotonic() + 60
        while time.monotonic() < give_up:
            try:
                answer = requests.post(self.url, data, params={"record_id": record}, headers=headers, timeout=15)
            except requests.RequestException:
                time.sleep(0.1)
                continue
            if answer.status_code in (200, 201):
                self.receipts.append((record, answer.status_code))
                return True
            if answer.status_code != 503 or not answer.json()["retryable"]:
                self.refused.append(f"{answer.status_code} {answer.text[:300]}")
            time.sleep(0.1)
        return False


@pytest.fixture
def layout(tmp_path_factory) -> Iterator[Layout]:
    folder = FOLDER / "layout"
    folder.mkdir(mode=0o755)
    with Layout(folder) as layout:
        yield layout


def test_any_process_may_be_killed_and_nothing_acknowledged_is_lost_or_doubled(layout):
    layout.manage("create_organization", "--name", "Acme", "--owner", "owner@example.org")
    camera = json.loads(layout.manage("add_device", "--org", "acme", "--name", "Gate", "--json"))
    with Cameras(layout.url, camera["key"]) as cameras:
        await_pictures(layout, cameras, 5)
        for name in REPLACED:
            layout.kill(name)
            await_pictures(layout, cameras, 4)
            layout.start(name)
        for name in ALONE:
            layout.kill(name)
            time.sleep(0.5)
            layout.start(name)
            await_pictures(layout, cameras, 4)
    assert cameras.refused == []
    assert len(cameras.acknowledged) >= 4 * (len(REPLACED) + len(ALONE))
    assert_kept_once(layout, cameras.acknowledged)
    assert_judged(layout)
    assert_camera_is_listened_to(layout, camera)
    assert requests.get(f"{layout.url}/metrics", timeout=10).status_code == 404
    assert requests.get(f"{layout.url}/readyz", timeout=10).status_code == 404
    ready = requests.get(f"http://127.0.0.1:{layout.ports['web-1']}/readyz", timeout=10)
    assert (ready.status_code, ready.json()["worker"], ready.json()["scheduler"]) == (200, "ok", "ok")


def await_pictures(layout: Layout, cameras: Cameras, more: int) -> None:
    wanted = len(cameras.acknowledged) + more
    layout.wait_until(lambda: len(cameras.acknowledged) >= wanted, f"The uploads do not get on: {cameras.refused}")


def assert_kept_once(layout: Layout, acknowledged: dict[str, str]) -> None:
    rows = layout.rows("SELECT record_id, sha256, storage_key FROM captures_capture")
    assert sorted((record, digest) for record, digest, _ in rows) == sorted(acknowledged.items())
    client = layout.s3.client()
    for _, digest, key in rows:
        body = client.get_object(Bucket=layout.s3.bucket, Key=key)["Body"].read()
        assert hashlib.sha256(body).hexdigest() == digest


def assert_judged(layout: Layout) -> None:
    # As if the minute had passed that is left to a worker that was killed over a picture.
    layout.rows("UPDATE captures_capture SET evaluation_due_at = now() WHERE evaluation_status = 'processing'")
    unsettled = "SELECT count(*) FROM captures_capture WHERE evaluation_status <> 'completed'"
    layout.wait_until(lambda: layout.rows(unsettled) == [(0,)], "Not everything was judged")


def assert_camera_is_listened_to(layout: Layout, camera: dict[str, str]) -> None:
    """Through nginx, by the server that holds streams: the others would end the answer at once."""
    url = f"{layout.url}/v1/devices/{camera['id']}/commands"
    headers = {"X-API-Key": camera["key"], "Accept": "text/event-stream"}
    with requests.get(url, headers=headers, stream=True, timeout=(10, 5)) as answer:
        assert answer.status_code == 200
        lines = answer.iter_lines()
        assert any("connected" in line.decode() for line in (next(lines) for _ in range(6)))
        with pytest.raises(requests.ConnectionError, match="timed out"):
            list(lines)  # it stays open, and silent
