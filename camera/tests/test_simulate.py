"""The simulated fleet must find out a server that lies; that it is content with a right one is tested there."""

from __future__ import annotations

import hashlib
import io
import json
import random
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from visant_camera.cli import main
from visant_camera.simulate.jpeg import make_jpeg

END = b"\xff\xd9"


class Archive:
    """A server that does all right, but for what ``sin`` names. It answers nothing while ``hangs`` is set."""

    def __init__(self, sin: str) -> None:
        self.sin = sin
        self.rows: list[dict[str, str]] = []
        self.hangs = threading.Event()
        self._guard = threading.Lock()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}"

    def take(self, device: str, record: str, key: str, body: bytes, announced: int) -> tuple[int, dict[str, Any]]:
        if not key.startswith("key-") and self.sin != "any key":
            return 401, _problem("key_unknown")
        if len(body) < announced and self.sin != "half":
            return 400, _problem("body_cut_off", retryable=True)
        if not body.endswith(END) and self.sin not in ("half", "damaged"):
            return 400, _problem("broken_picture")
        with self._guard:
            known = any(row["record_id"] == record for row in self.rows)
            forgotten = self.sin == "forgets" and _digest(body)[0] in "0123"
            if (not known or self.sin == "doubles") and not forgotten:
                self.rows.append({"record_id": record, "device": device, "sha256": _digest(body)})
            if self.sin == "spoils" and len(self.rows) % 5 == 0:
                self.rows[-1]["sha256"] = _digest(b"")
        new = not known or self.sin == "doubles"
        return (201 if new else 200), {"record_id": record if self.sin != "mixes up" else "other"}


def _handler(archive: Archive) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            announced = int(self.headers["Content-Length"])
            body = self.rfile.read(announced)
            key = self.headers["Authorization"].partition(" ")[2]
            if len(body) < announced:
                self.close_connection = True
            record = self.headers["X-Visant-Record-Id"]
            # Who hangs up gets no say; the fake cannot tell a cut line from half a body, and need not.
            self._answer(*archive.take(key.partition("-")[2], record, key, body, announced))

        def do_GET(self) -> None:
            device = self.headers["Authorization"].partition("key-")[2]
            if "/commands" in self.path:
                self._answer(404, _problem("not_found"))
            elif archive.sin == "lists nothing":
                self._answer(503, _problem("unavailable", retryable=True))
            else:
                self._answer(200, {"captures": [r for r in archive.rows if r["device"] == device], "next": None})

        def _answer(self, status: int, answer: dict[str, Any]) -> None:
            while archive.hangs.is_set():
                time.sleep(0.02)
            data = json.dumps(answer).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except OSError:
                return

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    return Handler


def _problem(code: str, *, retryable: bool = False) -> dict[str, Any]:
    return {"type": f"urn:visant:problem:{code}", "retryable": retryable}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def archive(request: pytest.FixtureRequest) -> Iterator[Archive]:
    archive = Archive(request.param)
    yield archive
    archive.hangs.clear()
    archive.http.shutdown()
    archive.http.server_close()


def run(
    archive: Archive, folder: Path, capsys: pytest.CaptureFixture[str], *, settle: float = 10
) -> tuple[int, str]:
    keys = [json.dumps({"id": f"camera{number}", "key": f"key-camera{number}"}) for number in range(12)]
    (folder / "keys").write_text("\n".join(keys) + "\n")
    options = ["--count", "12", "--seconds", "0.8", "--every", "0.06", "--seed", "3"]
    options += ["--settle", str(settle), "--listening", "1"]
    files = ["--keys", str(folder / "keys"), "--ledger", str(folder / "ledger")]
    code = main(["simulate", "--url", archive.url, *files, *options])
    return code, capsys.readouterr().out


@pytest.mark.parametrize(
    ("archive", "sentence"),
    [
        ("forgets", "was acknowledged and is missing"),
        ("spoils", "has other bytes than were sent"),
        ("doubles", "times ("),
        ("half", "was acknowledged"),
        ("damaged", "(damaged) was taken in"),
        ("any key", "(wrong key) was taken in"),
        ("mixes up", "the receipt is for 'other'"),
    ],
    indirect=["archive"],
)
def test_a_server_that_does_wrong_is_found_out(
    archive: Archive, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = run(archive, tmp_path, capsys)
    assert code == 1, said
    assert sentence in said


@pytest.mark.parametrize("archive", [""], indirect=True)
def test_a_right_server_is_confirmed_and_the_ledger_says_what_it_has(
    archive: Archive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = run(archive, tmp_path, capsys)
    assert code == 0, said
    ledger = [json.loads(line) for line in (tmp_path / "ledger").read_text().splitlines()]
    acknowledged = {line["record_id"]: line["sha256"] for line in ledger if line["outcome"] == "acknowledged"}
    assert acknowledged == {row["record_id"]: row["sha256"] for row in archive.rows}
    assert f"acknowledged  {len(acknowledged)}, of which the server shows {len(acknowledged)}" in said
    assert "broken_picture" in said
    assert "key_unknown" in said


@pytest.mark.parametrize("archive", [""], indirect=True)
def test_what_is_not_settled_in_time_is_told_as_open_and_not_as_lost(
    archive: Archive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.hangs.set()
    begun = time.monotonic()
    code, said = run(archive, tmp_path, capsys, settle=0.4)
    assert time.monotonic() - begun < 15  # and not the half minute that a line is waited for
    ledger = [json.loads(line) for line in (tmp_path / "ledger").read_text().splitlines()]
    assert code == 3, said
    assert f"not settled   {len(ledger)}\n" in said
    assert {line["outcome"] for line in ledger} == {"open"}
    assert len({line["record_id"] for line in ledger}) == len(ledger) >= 12
    assert "unfinished    12 cameras" in said
    assert "WRONG" not in said


@pytest.mark.parametrize("archive", ["lists nothing"], indirect=True)
def test_what_was_not_compared_with_the_server_is_not_called_right(
    archive: Archive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = run(archive, tmp_path, capsys, settle=1.5)
    assert code == 3, said
    assert "not settled   0\n" in said
    assert "which were not compared with the server in time" in said
    assert "WRONG" not in said


def test_each_jpeg_is_a_picture_and_another_one() -> None:
    image = pytest.importorskip("PIL.Image")
    made = [make_jpeg(random.Random(seed), f"note {seed}") for seed in range(20)]
    assert len(set(made)) == 20
    for data in made:
        picture = image.open(io.BytesIO(data))
        picture.load()
        assert (picture.size, picture.mode) == ((320, 240), "L")
        low, high = picture.getextrema()
        assert high - low > 100


@pytest.mark.parametrize(
    ("options", "keys", "sentence"),
    [
        ([], '{"id": "a", "key": "b"}', "holds 1 keys; --count asks for 2."),
        ([], "vis_dev_x", "Line 1 of"),
        (["--url", "localhost"], "", "The server's address (--url) must look like"),
        (["--keys", "/nowhere"], "", "/nowhere: No such file or directory."),
        (["--count", "many"], "", "Argument --count: invalid int value: 'many'"),
    ],
)
def test_a_bad_option_is_exit_2_with_one_sentence(
    options: list[str], keys: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "keys").write_text(keys)
    usual = ["--url", "http://127.0.0.1:9", "--keys", str(tmp_path / "keys"), "--count", "2"]
    assert main(["simulate", *usual, *options]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
