"""A fleet with bad lines, bad clocks and wrong keys, against a real server: what it was told is what is there."""

import hashlib
import json
import subprocess
import sys
import threading
import uuid
from collections import Counter
from pathlib import Path

import pytest
import requests

from tests.server import Server

PASSWORD = "correct horse battery"
CAMERAS = 200
LISTENING = 20
SECONDS = 15
EVERY = 4
# The simulation ends by itself in these, whatever is settled; with the start of a process it is under a minute.
SETTLE = 40
LONGEST = 59
# What may be refused, by what is wrong with the picture.
EXPECTED_REFUSALS = {
    "damaged": {"400 broken_picture"},
    "wrong key": {"401 key_unknown", "429 too_many_requests"},
}


@pytest.fixture
def server(tmp_path):
    with Server(tmp_path / "var") as server:
        yield server


def test_what_a_fleet_of_two_hundred_was_told_is_what_the_server_has(server, tmp_path):
    founded = ("create_organization", "--name", "Acme", "--owner", "owner@example.org", "--password-stdin")
    server.manage(*founded, input=PASSWORD)
    keys = server.manage("add_device", "--org", "acme", "--name", "Fleet", "--count", str(CAMERAS), "--json")
    (tmp_path / "keys").write_text(keys)
    server.start()
    listening = [json.loads(line)["id"] for line in keys.splitlines()][:LISTENING]
    asking = threading.Timer(SECONDS / 3, ask_for_pictures, (server, listening))
    asking.start()
    code, said = simulate(server, tmp_path)
    asking.join()
    assert code == 0, said
    assert "WRONG" not in said

    ledger = read_ledger(tmp_path)
    assert len(ledger) > CAMERAS, said
    assert {line["outcome"] for line in ledger} == {"acknowledged", "refused"}, said
    acknowledged = [line for line in ledger if line["outcome"] == "acknowledged"]
    assert {line["kind"] for line in acknowledged} == {"well", "hung up", "unanswered", "half", "again", "at once"}
    unexpected = [line for line in ledger if line not in acknowledged and not is_expected(line)]
    assert unexpected == []
    assert {line["kind"] for line in ledger} > set(EXPECTED_REFUSALS)

    # As lists, so that what is there twice is seen; and exactly, so that nothing refused is there.
    rows = rows_of(server)
    told = [(line["device_id"], line["record_id"], line["sha256"], line["size"]) for line in acknowledged]
    assert sorted(row[:4] for row in rows) == sorted(told)
    files = {name: digest for name, digest in files_of(server.media).items() if not name.startswith("readiness/")}
    assert Counter(files.values()) == Counter(line["sha256"] for line in acknowledged)
    assert {key: sha256 for *_, sha256, _, key in rows} == files
    assert "Traceback" not in server.log.read_text()

    asked = Counter((device, f"asked-{number}") for number, device in enumerate(listening))
    assert Counter((row[0], row[1]) for row in rows if row[1].startswith("asked-")) == asked
    assert Counter(server.rows("SELECT status FROM devices_command")) == {("done",): LISTENING}


def ask_for_pictures(server: Server, devices: list[str]) -> None:
    """While the fleet is at it, have each of these cameras take one."""
    login = {"email": "owner@example.org", "password": PASSWORD}
    access = requests.post(f"{server.url}/v1/auth/login", json=login, timeout=30).json()["access"]
    for number, device in enumerate(devices):
        requests.post(
            f"{server.url}/v1/devices/{device}/trigger",
            headers={"Authorization": f"Bearer {access}"},
            json={"trigger_id": f"asked-{number}"},
            timeout=30,
        )


def simulate(server: Server, folder: Path) -> tuple[int, str]:
    command = [sys.executable, "-m", "visant_camera", "simulate", "--url", server.url]
    command += ["--keys", str(folder / "keys"), "--ledger", str(folder / "ledger")]
    command += ["--seconds", str(SECONDS), "--settle", str(SETTLE), "--every", str(EVERY), "--seed", "7"]
    command += ["--count", str(CAMERAS), "--listening", str(LISTENING)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
    return done.returncode, done.stdout + done.stderr


def read_ledger(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "ledger").read_text().splitlines()]


def is_expected(line: dict) -> bool:
    return line["why"] in EXPECTED_REFUSALS.get(line["kind"], set())


def rows_of(server: Server) -> list[tuple[str, str, str, int, str]]:
    found = server.rows("SELECT device_id, record_id, sha256, byte_size, storage_key FROM captures_capture")
    return [(str(uuid.UUID(str(device))), *row) for device, *row in found]


def files_of(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
