"""The first promise, on the real server: no acknowledged picture is lost or doubled, however the server dies."""

import hashlib
import http.client
import json
import os
import queue
import random
import socket
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.builders import make_jpeg
from tests.server import HOST, Camera, Server

UPLOADS = 600
KILLS = 8
CLIENTS = 6
PATIENCE_SECONDS = 30
TWO_DAYS = 2 * 24 * 60 * 60


@dataclass
class Upload:
    """A picture on its way, and what became of it."""

    camera: Camera
    record_id: str
    data: bytes
    receipts: list[dict] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    @property
    def name(self) -> tuple[str, str]:
        return self.camera.id, self.record_id

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@pytest.fixture
def server(tmp_path):
    with Server(tmp_path / "var") as server:
        yield server


def test_no_acknowledged_picture_is_lost_or_doubled_when_the_server_is_killed_again_and_again(server):
    cameras = server.found(2)
    uploads = [
        Upload(cameras[number % 2], f"record-{number // 2}", make_jpeg(number, (160, 120)))
        for number in range(UPLOADS)
    ]
    kills = upload_while_killing(server, uploads)
    assert kills == KILLS
    assert [upload.refusals for upload in uploads if upload.refusals] == []
    assert [upload.name for upload in uploads if not upload.receipts] == []

    rows = rows_of(server)
    files = files_of(server.media)
    assert sorted(name for name, _, _ in rows) == sorted(upload.name for upload in uploads)
    bytes_of = {upload.name: upload.sha256 for upload in uploads}
    for name, key, sha256 in rows:
        assert (sha256, files.get(key)) == (bytes_of[name], bytes_of[name])

    (server.media / "readiness").mkdir(exist_ok=True)
    (server.media / "readiness" / ".left.part").write_bytes(b"the half of a file")
    orphans = sorted({*files, "readiness/.left.part"} - {key for _, key, _ in rows})
    sweep_and_compare(server, orphans)
    assert files_of(server.media) == {key: sha256 for _, key, sha256 in rows}


def upload_while_killing(server: Server, uploads: list[Upload]) -> int:
    """Let all clients upload, kill the server KILLS times on the way, and return how often it was."""
    waiting: queue.SimpleQueue[Upload] = queue.SimpleQueue()
    for upload in uploads:
        waiting.put(upload)
    server.start()
    clients = [threading.Thread(target=send_all, args=(server.port, waiting)) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    kills = 0
    for turn in range(KILLS):
        target = len(uploads) * (turn + 0.5) / KILLS
        wait_until_acknowledged(uploads, target)
        time.sleep(random.uniform(0, 0.03))
        server.kill()
        kills += 1
        server.start()
    for client in clients:
        client.join(PATIENCE_SECONDS)
    assert not any(client.is_alive() for client in clients)
    return kills


def wait_until_acknowledged(uploads: list[Upload], target: float) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while sum(bool(upload.receipts) for upload in uploads) < target:
        assert time.monotonic() < deadline, "The uploads do not get on."
        time.sleep(0.002)


def send_all(port: int, waiting: "queue.SimpleQueue[Upload]") -> None:
    """A camera's loop: take the next picture and send it until it is acknowledged."""
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    while True:
        try:
            upload = waiting.get_nowait()
        except queue.Empty:
            return
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while not upload.receipts and not upload.refusals and time.monotonic() < give_up_at:
            try:
                send(connection, upload)
            except (OSError, http.client.HTTPException):
                connection.close()
                time.sleep(0.05)


def send(connection: http.client.HTTPConnection, upload: Upload) -> None:
    connection.request(
        "POST",
        f"/v1/captures?record_id={upload.record_id}",
        upload.data,
        {"Authorization": f"Bearer {upload.camera.key}", "Content-Type": "image/jpeg"},
    )
    answer = connection.getresponse()
    body = answer.read()
    if answer.status in (200, 201):
        upload.receipts.append(json.loads(body))
    elif answer.status != 503:
        upload.refusals.append(f"{answer.status} {body!r}")


def rows_of(server: Server) -> list[tuple[tuple[str, str], str, str]]:
    """Every row as (camera, record id), storage key and digest."""
    found = server.rows("SELECT device_id, record_id, storage_key, sha256 FROM captures_capture")
    return [((str(uuid.UUID(str(device))), record), key, sha256) for device, record, key, sha256 in found]


def files_of(folder: Path) -> dict[str, str]:
    """Every file's name below ``folder`` and the digest of what is in it."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def sweep_and_compare(server: Server, orphans: list[str]) -> None:
    """Sweep once for show and once in earnest, with every file two days old."""
    old = time.time() - TWO_DAYS
    for path in server.media.rglob("*"):
        if path.is_file():
            os.utime(path, (old, old))
    before = files_of(server.media)
    announced = server.manage("sweep_files", "--dry-run")
    assert files_of(server.media) == before
    done = server.manage("sweep_files")
    assert sorted(quarantined_in(announced)) == sorted(quarantined_in(done)) == orphans
    assert files_of(server.folder / "quarantine") == {key: before[key] for key in orphans}


def quarantined_in(printed: str) -> list[str]:
    return [line.split("  ")[1] for line in printed.splitlines() if "quarantined  " in line]


def test_a_body_that_is_cut_off_or_of_unknown_length_stores_nothing(server):
    [camera] = server.found()
    data = make_jpeg(1, (640, 480))
    server.start()
    head = (
        f"POST /v1/captures HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {camera.key}\r\nContent-Type: image/jpeg\r\n"
    )
    for length in (len(data), len(data) * 2):  # half a picture, and a whole one of which more was announced
        with socket.create_connection((HOST, server.port), timeout=10) as connection:
            connection.sendall(f"{head}Content-Length: {length}\r\n\r\n".encode() + data[: length // 2])
            time.sleep(0.2)
    with socket.create_connection((HOST, server.port), timeout=10) as connection:
        chunk = f"{len(data):x}\r\n".encode() + data + b"\r\n0\r\n\r\n"
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode() + chunk)
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400")
    assert b'"code": "length_required"' in answer
    status, _, _ = server.request("POST", "/v1/captures?record_id=whole", data, {"X-API-Key": camera.key})
    assert status == 201
    assert [name for name, _, _ in rows_of(server)] == [(camera.id, "whole")]
    assert len(files_of(server.media)) == 1
    assert "Traceback" not in server.log.read_text()
