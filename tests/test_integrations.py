"""What docs/integrations.md tells people to do, done against a real server."""

import hashlib
import http.server
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.builders import make_jpeg
from tests.server import BASE_DIR, HOST, Camera, Server

PAGE = (BASE_DIR / "docs/integrations.md").read_text()
PASSWORD = "correct horse battery"

pytestmark = [
    pytest.mark.skipif(not shutil.which("curl"), reason="curl is not there"),
    pytest.mark.xdist_group("integrations"),
    pytest.mark.once,  # how a picture is sent is no matter of the database
]


class Place:
    """A server with one camera, a folder with a picture, and the page's variables."""

    def __init__(self, server: Server, camera: Camera, folder: Path) -> None:
        self.server, self.camera, self.folder = server, camera, folder
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "VISANT": server.url,
            "CAMERA": camera.id,
            "KEY": camera.key,
        }

    def new_picture(self, seed: int) -> bytes:
        data = make_jpeg(seed)
        (self.folder / "gate.jpg").write_bytes(data)
        return data

    def run(self, script: str, **environment: str) -> str:
        done = subprocess.run(
            ["bash", "-eu", "-c", script],
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    def pictures(self) -> list[dict[str, Any]]:
        """The camera's pictures as the server tells them, newest first."""
        answer = requests.get(
            f"{self.server.url}/v1/captures", headers={"X-API-Key": self.camera.key}, timeout=30
        ).json()
        return answer["captures"]

    def sums(self) -> list[str]:
        return [picture["sha256"] for picture in self.pictures()]


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server") / "var") as server:
        founded = ("create_organization", "--name", "Acme", "--owner", "owner@example.org", "--password-stdin")
        server.manage(*founded, input=PASSWORD)
        server.start()
        yield server


@pytest.fixture(scope="module")
def cameras(server) -> Iterator[Camera]:
    """New ones; made together, because starting the command takes longer than its work."""
    added = server.manage("add_device", "--org", "acme", "--name", "Gate", "--count", "30", "--json")
    return iter([Camera(**json.loads(line)) for line in added.splitlines()])


@pytest.fixture
def place(server, cameras, tmp_path) -> Place:
    return Place(server, next(cameras), tmp_path)


def blocks(language: str, *, under: str) -> list[str]:
    """The code blocks of one language under a heading."""
    section = re.search(rf"^## {re.escape(under)}\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
    assert section, under
    return re.findall(rf"^```{language}\n(.*?)^```", section[1], re.M | re.S)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_one_line_of_curl_hands_in_a_picture_and_with_its_moment_it_is_there_once(place):
    plain, with_moment = blocks("sh", under="One line of curl")
    first = place.new_picture(1)
    assert '"image_stored":true' in place.run(plain)
    second = place.new_picture(2)
    receipts = [place.run(with_moment) for _ in range(2)]
    assert receipts[0] == receipts[1]
    assert sorted(place.sums()) == sorted([digest(first), digest(second)])
    assert {picture["trigger_label"] for picture in place.pictures()} == {"", "motion"}


def test_a_wrong_key_fails_the_line(place):
    plain, _ = blocks("sh", under="One line of curl")
    place.new_picture(1)
    with pytest.raises(AssertionError, match="key_unknown"):
        place.run(plain, KEY="vis_dev_wrong")
    assert place.sums() == []


def test_the_cron_script_fetches_a_snapshot_and_hands_it_in(place):
    data = make_jpeg(3)
    [script] = blocks("sh", under="Cron")
    with snapshots(data) as address:
        place.run(script, SNAPSHOT=address)
    assert place.sums() == [digest(data)]


def test_each_way_an_ip_camera_uploads_is_taken(place):
    scripts = blocks("sh", under="An IP camera, by HTTP")
    assert len(scripts) == 3
    sent = []
    for seed, script in enumerate(scripts):
        sent.append(digest(place.new_picture(seed)))
        place.run(script)
        assert place.sums()[0] == sent[-1], script


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ("--request PUT --header 'Content-Type: image/jpeg' --user $CAMERA:$KEY", 405),
        ("--digest --header 'Content-Type: image/jpeg' --user $CAMERA:$KEY", 401),
        ("--header 'Content-Type: application/octet-stream' --user $CAMERA:$KEY", 415),
    ],
)
def test_what_the_page_says_is_refused_is_refused(place, options, status):
    place.new_picture(1)
    curl = "curl --silent --output answer --write-out '%{http_code}' --data-binary @gate.jpg"
    said = place.run(f"{curl} {options} $VISANT/v1/captures")
    assert said == str(status)
    assert place.sums() == []


def test_the_client_hands_in_what_is_dropped_into_its_folder_once(place):
    [line] = blocks("sh", under="An IP camera, by FTP")
    drop, key_file = place.folder / "drop", place.folder / "gate.key"
    (drop / "2026-11-20").mkdir(parents=True)
    key_file.write_text(place.camera.key)
    command = line.replace("/srv/ftp/gate", str(drop)).replace("/etc/visant/gate.key", str(key_file))
    process = subprocess.Popen(
        shlex.split(command.replace('"$VISANT"', place.server.url)),
        env={**place.environment, "VISANT_CAMERA_SPOOL": str(place.folder / "spool")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        sent = [make_jpeg(seed) for seed in range(3)]
        for number, data in enumerate(sent):
            (drop / "2026-11-20" / f"{number}.jpg").write_bytes(data)
        wait_until(lambda: len(place.sums()) == 3)
        wait_until(lambda: not list(drop.rglob("*.jpg")))
    finally:
        process.terminate()
        said, _ = process.communicate(timeout=20)
    assert sorted(place.sums()) == sorted(digest(data) for data in sent), said
    assert {picture["metadata"]["captured_at_from"] for picture in place.pictures()} == {"file"}


def test_home_assistant_asks_for_a_picture(place):
    command = home_assistant("rest_command")["visant_picture"]
    address = command["url"].replace("https://visant.example.com", place.server.url)
    answer = requests.request(
        command["method"],
        address.replace("CAMERA", place.camera.id),
        headers={"Authorization": f"Bearer {write_token(place.server)}", "Content-Type": command["content_type"]},
        data=command["payload"],
        timeout=30,
    )
    assert answer.status_code == 202, answer.text
    asked = requests.get(
        f"{place.server.url}/v1/devices/{place.camera.id}/commands?wait=0",
        headers={"X-API-Key": place.camera.key},
        timeout=30,
    ).json()["commands"]
    assert asked == [{"cmd": "capture", "trigger_id": answer.json()["trigger_id"], "type": "doorbell"}]


def test_home_assistant_hands_in_a_snapshot(place):
    command = home_assistant("shell_command")["visant_gate"]
    data = place.new_picture(5)
    secret = blocks("text", under="Home Assistant")[0]
    identity = secret.replace("CAMERA:KEY", f"{place.camera.id}:{place.camera.key}")
    (place.folder / "visant-gate.curl").write_text(identity)
    for name, value in {
        "/config/www": str(place.folder),
        "/config": str(place.folder),
        "https://visant.example.com": place.server.url,
    }.items():
        assert name in command
        command = command.replace(name, value)
    place.run(command)
    assert place.sums() == [digest(data)]


def test_the_bytes_of_a_microcontroller_are_understood(place):
    [head] = blocks("http", under="A microcontroller")
    data = make_jpeg(6)
    head = head.replace("LENGTH", str(len(data))).replace(": KEY", f": {place.camera.key}")
    head = head.replace("visant.example.com", "localhost").replace("\n", "\r\n")
    with socket.create_connection((HOST, place.server.port), timeout=30) as connection:
        connection.sendall(head.encode() + data)
        assert connection.makefile("rb").readline().split()[1] == b"201"
    assert place.sums() == [digest(data)]


class _Secrets(yaml.SafeLoader):
    """Reads ``!secret name`` as the name."""


_Secrets.add_constructor("!secret", lambda loader, node: node.value)


def home_assistant(name: str) -> dict[str, Any]:
    read = [yaml.load(block, Loader=_Secrets) for block in blocks("yaml", under="Home Assistant")]
    [found] = [block[name] for block in read if name in block]
    return found


def write_token(server: Server) -> str:
    login = requests.post(
        f"{server.url}/v1/auth/login", json={"email": "owner@example.org", "password": PASSWORD}, timeout=30
    ).json()
    made = requests.post(
        f"{server.url}/v1/tokens",
        headers={"Authorization": f"Bearer {login['access']}"},
        json={"name": "Home Assistant", "access": "write"},
        timeout=30,
    )
    return made.json()["token"]


class snapshots:  # noqa: N801 - read as a context
    """An IP camera on the loopback that gives one picture; ``with`` gives its address."""

    def __init__(self, data: bytes) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "image/jpeg")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                return

        self.server = http.server.HTTPServer((HOST, 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return f"http://{HOST}:{self.server.server_address[1]}/snapshot.jpg"

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def wait_until(claim: Any, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)
