"""``visant-camera claim`` as people run it."""

from __future__ import annotations

import json
import signal
import stat
from pathlib import Path

import pytest

from builders import Cameras, make_folder, wait_until
from fake_server import DEVICE, KEY, Answer, FakeServer, problem
from visant_camera.labels import Label, parse_label
from visant_camera.values import OptionError

UNCLAIMED = Answer(202, {"status": "unclaimed", "retry_after_seconds": 1}, {"Retry-After": "1"})
CLAIMED = Answer(200, {"device_id": DEVICE, "key": KEY, "name": "Gate 2"})


def qr(server: FakeServer, **more: object) -> str:
    return json.dumps({"visant": 1, "url": server.url, "serial": "VC-7", "code": "ABCD-EFGH", **more})


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "camera.conf"


def test_it_asks_until_somebody_claimed_it_and_keeps_the_key(
    server: FakeServer, cameras: Cameras, config: Path, tmp_path: Path
) -> None:
    server.api.claim_script = [UNCLAIMED, Answer(503, headers={"Retry-After": "1"}), UNCLAIMED, CLAIMED]
    config.write_text("[visant-camera]\n# mine\nsource = webcam:0\n")
    config.chmod(0o640)
    code, said = cameras.run("claim", "--qr", qr(server), "--config", str(config), key=None)
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


def test_a_refusal_is_exit_1_with_the_servers_sentence(server: FakeServer, cameras: Cameras, config: Path) -> None:
    server.api.claim_script = [problem(409, retryable=False, keep_local=True, code="claim_code_expired")]
    code, said = cameras.run("claim", "--qr", qr(server), "--config", str(config), key=None)
    assert (code, said) == (1, "visant-camera: Problem 409.\n")
    assert "key" not in config.read_text()


def test_a_log_in_page_between_is_not_believed(server: FakeServer, cameras: Cameras, config: Path) -> None:
    server.api.claim_script = [Answer(200, b"<html>"), Answer(404, b"<html>"), CLAIMED]
    code, said = cameras.run("claim", "--qr", qr(server), "--config", str(config), key=None)
    assert code == 0, said


def test_ctrl_c_is_fine(server: FakeServer, cameras: Cameras, config: Path) -> None:
    server.api.claim_script = [UNCLAIMED] * 20
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
    qrcode = pytest.importorskip("qrcode")
    from visant_camera.labels import read_label

    qrcode.make(qr(server)).save(tmp_path / "label.png")
    assert read_label(str(tmp_path / "label.png")) == Label(server.url, "VC-7", "ABCD-EFGH")


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
