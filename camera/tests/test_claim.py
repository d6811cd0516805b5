"""``visant-camera claim`` as people run it."""

from __future__ import annotations

import json
import os
import signal
import stat
from pathlib import Path
from typing import Callable

import pytest

from builders import Cameras, make_folder, wait_until
from fake_server import DEVICE, KEY, Answer, FakeServer, problem
from visant_camera.backoff import Backoff
from visant_camera.claim import main
from visant_camera.labels import Label, parse_label
from visant_camera.values import OptionError

UNCLAIMED = Answer(202, {"status": "unclaimed", "retry_after_seconds": 0}, {"Retry-After": "0"})
CLAIMED = Answer(200, {"device_id": DEVICE, "key": KEY, "name": "Gate 2"})


Claim = Callable[..., "tuple[int, str]"]


def qr(server: FakeServer, **more: object) -> str:
    return json.dumps({"visant": 1, "url": server.url, "serial": "VC-7", "code": "ABCD-EFGH", **more})


@pytest.fixture
def claim(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Claim:
    """The command in this process, with short waits; the exit code and what it said."""
    for name in [name for name in os.environ if name.startswith("VISANT_CAMERA_")]:
        monkeypatch.delenv(name)

    def claim(*arguments: str) -> tuple[int, str]:
        code = main(arguments, shortest_wait=0.01, backoff=lambda: Backoff(first=0.02, longest=0.02))
        said = capsys.readouterr()
        return code, said.err + said.out

    return claim


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "camera.conf"


def test_it_asks_until_somebody_claimed_it_and_keeps_the_key(
    server: FakeServer, cameras: Cameras, config: Path, tmp_path: Path, claim: Claim
) -> None:
    server.api.claim_script = [UNCLAIMED, Answer(503, headers={"Retry-After": "0"}), UNCLAIMED, CLAIMED]
    config.write_text("[visant-camera]\n# mine\nsource = webcam:0\n")
    config.chmod(0o640)
    code, said = claim("--qr", qr(server), "--config", str(config))
    assert code == 0, said
    assert said.count("waiting until VC-7 is claimed") == 2
    assert said.endswith(f"This camera is Gate 2. Its key is in {config}.\n")
    assert KEY not in said
    assert config.read_text() == (
        f"[visant-camera]\n# mine\nsource = webcam:0\nurl = {server.url}\nserial = VC-7\n"
        f"key = {KEY}\ndevice = {DEVICE}\nname = Gate 2\n"
    )
    assert stat.S_IMODE(config.stat().st_mode) == 0o640
    told = server.api.claims[-1]
    assert (len(server.api.claims), told["serial"], told["code"]) == (4, "VC-7", "ABCD-EFGH")
    assert told["version"].startswith("visant-camera/")
    folder = str(make_folder(tmp_path / "pictures", pictures=1))
    clean = {"VISANT_CAMERA_URL": ""}
    code, said = cameras.run("--config", str(config), "--source", folder, "--count", "1", key=None, env=clean)
    assert (code, len(server.pictures)) == (0, 1), said


def test_a_new_config_file_is_only_for_its_owner(server: FakeServer, cameras: Cameras, config: Path) -> None:
    server.api.claim_script = [CLAIMED]
    options = ("--serial", "VC-7", "--code", "ABCD", "--url", server.url, "--config", str(config))
    code, said = cameras.run("claim", *options, key=None)
    assert code == 0, said
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    code, said = cameras.run("claim", *options, key=None)
    assert (code, said) == (2, f"visant-camera: {config} holds a key already; --replace gets another.\n")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (404, "unit_unknown"),
        (409, "claim_code_expired"),
        (409, "claim_code_revoked"),
        (409, "unit_retired"),
        (400, "invalid"),
    ],
)
def test_a_reason_that_nobody_can_end_is_exit_1_with_the_servers_sentence(
    server: FakeServer, config: Path, claim: Claim, status: int, code: str
) -> None:
    server.api.claim_script = [problem(status, retryable=False, keep_local=True, code=code), CLAIMED]
    assert claim("--qr", qr(server), "--config", str(config)) == (1, f"visant-camera: Problem {status}.\n")
    assert "key" not in config.read_text()


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "organization_suspended"),
        (403, "device_suspended"),
        (403, "device_retired"),
        (409, "unit_has_its_key"),
        (429, "too_many_requests"),
        (400, "body_cut_off"),
        (404, "not_found"),
    ],
)
def test_a_reason_that_its_owner_can_end_is_said_and_waited_for(
    server: FakeServer, config: Path, claim: Claim, status: int, code: str
) -> None:
    no = problem(status, retryable=code in ("too_many_requests", "body_cut_off"), keep_local=True, code=code)
    server.api.claim_script = [UNCLAIMED, no, no, CLAIMED]
    ended, said = claim("--qr", qr(server), "--config", str(config))
    assert ended == 0, said
    why = f"not yet: Problem {status}. ({status} {code}). Asking again until that is over (Ctrl-C gives up)"
    assert said.count(why) == 1
    assert f"key = {KEY}" in config.read_text()


def test_a_log_in_page_between_is_not_believed(server: FakeServer, config: Path, claim: Claim) -> None:
    server.api.claim_script = [Answer(200, b"<html>"), Answer(404, b"<html>"), Answer(403, b"<html>"), CLAIMED]
    code, said = claim("--qr", qr(server), "--config", str(config))
    assert code == 0, said


def test_ctrl_c_is_fine(server: FakeServer, cameras: Cameras, config: Path) -> None:
    server.api.claim_script = [Answer(202, {"status": "unclaimed", "retry_after_seconds": 60})]
    client = cameras.start("claim", "--qr", qr(server), "--config", str(config), key=None)
    wait_until(lambda: bool(server.api.claims))
    client.send_signal(signal.SIGINT)
    said, _ = client.communicate(timeout=5)
    assert client.returncode == 1
    assert said.endswith("visant-camera: not claimed yet; run it again at any time.\n")


def test_a_config_file_that_cannot_be_written_is_said_before_the_key_is_asked_for(
    server: FakeServer, cameras: Cameras, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    config = tmp_path / "file" / "camera.conf"
    code, said = cameras.run("claim", "--qr", qr(server), "--config", str(config), key=None)
    assert code == 2
    assert said.startswith(f"visant-camera: The config file {config} cannot be ")
    assert server.api.claims == []


def test_a_qr_code_is_read_from_its_text_a_file_and_a_picture(server: FakeServer, tmp_path: Path) -> None:
    from visant_camera.labels import read_label

    label = Label(server.url, "VC-7", "ABCD-EFGH")
    assert read_label(qr(server)) == label
    (tmp_path / "label.json").write_text(qr(server))
    assert read_label(str(tmp_path / "label.json")) == label


def test_a_qr_code_is_read_from_a_picture(server: FakeServer, tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    pytest.importorskip("zxingcpp")
    qrcode = pytest.importorskip("qrcode")
    from visant_camera.labels import read_label

    qrcode.make(qr(server)).save(tmp_path / "label.png")
    assert read_label(str(tmp_path / "label.png")) == Label(server.url, "VC-7", "ABCD-EFGH")


def test_the_label_is_scanned_by_the_camera_itself(
    server: FakeServer, config: Path, claim: Claim, tmp_path: Path
) -> None:
    """A printed label, held at an angle, after two moments without one."""
    image = pytest.importorskip("PIL.Image")
    pytest.importorskip("cv2")
    pytest.importorskip("zxingcpp")
    make_label(qr(server), tmp_path / "2.jpg")
    for name in ("0.jpg", "1.jpg"):
        image.new("RGB", (640, 480), "gray").save(tmp_path / name)
    server.api.claim_script = [CLAIMED]
    code, said = claim("--scan", "--source", str(tmp_path), "--config", str(config))
    assert code == 0, said
    asked = server.api.claims[-1]
    assert (asked["serial"], asked["code"]) == ("VC-7", "ABCD-EFGH")
    assert f"url = {server.url}" in config.read_text()


def make_label(text: str, path: Path) -> None:
    """A photo of 640 × 480 as a webcam takes it of a label: grey light, tilted, a little out of focus."""
    image, image_filter = pytest.importorskip("PIL.Image"), pytest.importorskip("PIL.ImageFilter")
    qrcode = pytest.importorskip("qrcode")
    label = qrcode.make(text, box_size=5).convert("RGB")
    photo = image.new("RGB", (640, 480), (120, 118, 110))
    tilted = label.rotate(12, expand=True, fillcolor=(120, 118, 110))
    photo.paste(tilted, ((640 - tilted.width) // 2, (480 - tilted.height) // 2))
    photo.filter(image_filter.GaussianBlur(1)).point(lambda level: 25 + level * 0.7).save(path, quality=80)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"visant": 2, "url": "x"}', "newer kind (2); install a newer visant-camera"),
        ('{"visant": 1, "url": "https://v", "serial": "s"}', "holds no code"),
        ('{"visant": 1, "url": "https://v", "serial": 7, "code": "c"}', "holds no serial"),
        ('{"url": "https://v"}', "not a label of Visant"),
        ("https://example.com", "not a label of Visant"),
        ("[" * 100_000, "not a label of Visant"),
    ],
)
def test_a_label_of_another_kind_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(OptionError, match=sentence.replace("(", r"\(").replace(")", r"\)")):
        parse_label(text)
