"""The command as people run it: a real process, signals, crashes, outages."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from builders import Cameras, make_folder, make_picture, wait_until, waiting
from fake_server import KEY, FakeServer
from visant_camera.cli import main


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(make_folder(tmp_path / "pictures", pictures=5))


def bodies(server: FakeServer) -> list[bytes]:
    return sorted(body for body, _ in server.pictures.values())


def test_a_folder_is_sent_once_through_in_order_of_names(
    server: FakeServer, cameras: Cameras, folder: str
) -> None:
    code, said = cameras.run("--source", folder, "--interval", "0", "--once-through", "-v")
    assert code == 0, said
    assert bodies(server) == [make_picture(str(number)).data for number in range(5)]
    assert waiting(cameras.spool) == set()
    assert said.count(" sent 2") == 5
    assert KEY not in said


def test_count_loops_the_folder_and_stops(server: FakeServer, cameras: Cameras, folder: str) -> None:
    code, said = cameras.run("--source", folder, "--interval", "0.01", "--count", "7")
    assert code == 0, said
    assert len(server.pictures) == 7


def test_what_a_kill_9_interrupts_arrives_once_after_a_restart(
    server: FakeServer, cameras: Cameras, folder: str
) -> None:
    options = ("--source", folder, "--interval", "0.01")
    seen: set[str] = set()
    for received in (5, 15):
        # So that pictures wait when the client is killed.
        server.judge = lambda record_id: wait_until(lambda: len(waiting(cameras.spool)) >= 3)
        client = cameras.start(*options)
        wait_until(lambda enough=received: len(server.pictures) >= enough)
        client.kill()
        client.wait()
        seen |= waiting(cameras.spool)
    server.judge = lambda record_id: None
    assert len(seen) > 2
    code, said = cameras.run(*options, "--count", "1")
    assert code == 0, said
    assert seen <= set(server.pictures)
    assert waiting(cameras.spool) == set()
    firsts = [record_id for record_id, status in server.receipts if status == 201]
    assert sorted(firsts) == sorted(set(firsts)) == sorted(server.pictures)


def test_an_outage_never_stops_the_taking_of_pictures(server: FakeServer, cameras: Cameras, folder: str) -> None:
    server.stop()
    client = cameras.start("--source", folder, "--interval", "0.02", "--count", "20")
    wait_until(lambda: len(waiting(cameras.spool)) == 20)
    server.start()
    said, _ = client.communicate(timeout=20)
    assert client.returncode == 0, said
    assert len(server.pictures) == 20
    assert "no connection" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly_with_unsent_pictures_in_the_spool(
    server: FakeServer, cameras: Cameras, folder: str, number: signal.Signals
) -> None:
    server.stop()
    client = cameras.start("--source", folder, "--interval", "0.02")
    wait_until(lambda: len(waiting(cameras.spool)) >= 3)
    client.send_signal(number)
    said, _ = client.communicate(timeout=10)
    assert client.returncode == 0, said
    assert len(waiting(cameras.spool)) >= 3
    assert "Traceback" not in said


def test_a_signal_does_not_wait_for_a_server_that_hangs(server: FakeServer, cameras: Cameras, folder: str) -> None:
    server.judge = lambda record_id: time.sleep(20)
    client = cameras.start("--source", folder, "--interval", "0.02")
    wait_until(lambda: bool(server.attempts))
    client.terminate()
    said, _ = client.communicate(timeout=10)
    assert client.returncode == 0, said


def test_pictures_that_remain_unsent_are_exit_1_with_a_sentence(
    server: FakeServer, cameras: Cameras, folder: str
) -> None:
    code, said = cameras.run("--source", folder, "--interval", "0", "--once-through", "--key", "vis_dev_revoked")
    assert code == 1
    assert "not everything was sent: 5 wait in" in said
    assert said.count("Make a new key") == 1
    assert "vis_dev_revoked" not in said
    assert len(waiting(cameras.spool)) == 5


def test_a_second_client_on_the_same_spool_refuses(server: FakeServer, cameras: Cameras, folder: str) -> None:
    cameras.start("--source", folder, "--interval", "0.05")
    wait_until(lambda: bool(server.pictures))
    code, said = cameras.run("--source", folder)
    assert code == 2
    assert said.startswith("visant-camera: Another visant-camera is using the spool folder")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "Give --source or set VISANT_CAMERA_SOURCE, or source in "),
        (["--source", "nowhere"], "There is no source 'nowhere'"),
        (["--source", "ftp://user:secret@host/"], "There is no source 'ftp://…'"),
        (["--source", ".", "--interval", "fast"], "--interval must be a number of at least 0, not 'fast'."),
        (["--source", ".", "--count", "0"], "--count must be a whole number of at least 1, not '0'."),
        (["--source", ".", "--url", "localhost:8000"], "The server's address (--url) must look like"),
        (["--source", ".", "--speed", "9"], "Unrecognized arguments: --speed 9"),
        (["--source", ".", "--key-file", "/nowhere"], "The key file /nowhere cannot be read."),
        (["--source", "http://127.0.0.1/", "--once-through"], "--once-through needs a source with an end"),
        (["--source", "webcam:front"], "A webcam is given by its number"),
    ],
)
def test_a_bad_option_is_exit_2_with_one_sentence(
    options: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if "webcam" in sentence:
        pytest.importorskip("cv2")
    monkeypatch.setenv("VISANT_CAMERA_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("VISANT_CAMERA_KEY", KEY)
    assert main(options) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"visant-camera: {sentence}")
    assert said.count("\n") == 1


def test_a_missing_key_is_exit_2_with_one_sentence(cameras: Cameras, folder: str) -> None:
    code, said = cameras.run("--source", folder, key=None)
    ways = "give --key or --key-file, set VISANT_CAMERA_KEY, or run visant-camera claim"
    assert (code, said) == (2, f"visant-camera: The camera's key is missing; {ways}.\n")


def test_a_flag_wins_over_the_environment_and_a_file_may_hold_the_key(
    server: FakeServer, cameras: Cameras, folder: str, tmp_path: Path
) -> None:
    key_file = tmp_path / "key"
    key_file.write_text(KEY + "\n")
    environment = {
        "VISANT_CAMERA_SOURCE": folder,
        "VISANT_CAMERA_KEY": "vis_dev_of_the_environment",
        "VISANT_CAMERA_COUNT": "2",
        "VISANT_CAMERA_INTERVAL": "0",
        "VISANT_CAMERA_TRIGGER_LABEL": "environment",
    }
    code, said = cameras.run("--key-file", str(key_file), "--trigger-label", "flag", env=environment)
    assert code == 0, said
    assert [headers["X-Visant-Trigger-Label"] for _, headers in server.pictures.values()] == ["flag", "flag"]


def test_an_empty_folder_is_a_clear_error(cameras: Cameras, tmp_path: Path) -> None:
    empty = make_folder(tmp_path / "empty", pictures=0)
    (empty / "labels.csv").write_text("file,label\n")
    code, said = cameras.run("--source", str(empty))
    assert code == 2
    assert said == f"visant-camera: The folder {empty} holds no picture (jpg, jpeg, png or webp).\n"
