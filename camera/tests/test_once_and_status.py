"""``visant-camera once`` and ``status`` as people run them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from builders import Cameras, make_folder, make_picture, wait_until, waiting
from fake_server import DEVICE, KEY, FakeServer, problem
from visant_camera.spool import REFUSED, Spool


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(make_folder(tmp_path / "pictures", pictures=2))


def status(cameras: Cameras, *options: str, key: str = KEY) -> tuple[int, dict[str, Any]]:
    code, said = cameras.run("status", "--json", *options, key=key)
    return code, json.loads(said)


def test_once_is_one_picture_and_its_record_id(server: FakeServer, cameras: Cameras, folder: str) -> None:
    code, said = cameras.run("once", "--source", folder, "--trigger-label", "door")
    assert code == 0, said
    ((record_id, (_, headers)),) = server.pictures.items()
    assert said.splitlines()[-1] == record_id
    assert headers["X-Visant-Trigger-Label"] == "door"
    assert waiting(cameras.spool) == set()


def test_once_that_is_not_received_stays_for_the_next_time(
    server: FakeServer, cameras: Cameras, folder: str
) -> None:
    code, _ = cameras.run("once", "--source", folder, key="vis_dev_wrong")
    assert code == 1
    assert len(waiting(cameras.spool)) == 1
    code, said = cameras.run("once", "--source", folder)
    assert code == 0, said
    assert len(server.pictures) == 2
    assert {headers["X-Visant-Trigger-Label"] for _, headers in server.pictures.values()} == {"manual"}


def test_once_without_a_picture_is_exit_3(cameras: Cameras, folder: str) -> None:
    for path in Path(folder).iterdir():
        path.write_text("no picture")
    code, said = cameras.run("once", "--source", folder)
    assert code == 3
    assert said.endswith("no picture: 000.jpg is not a JPEG, PNG or WebP picture\n")


def test_status_of_a_camera_that_is_well(server: FakeServer, cameras: Cameras, folder: str) -> None:
    client = cameras.start("--source", folder, "--interval", "0.05", "--device", DEVICE)
    wait_until(lambda: server.api.listening == 1 and bool(server.pictures))
    wait_until(lambda: (cameras.spool / "state" / "status.json").exists())
    wait_until(lambda: json.loads((cameras.spool / "state" / "status.json").read_text())["listening"])
    code, told = status(cameras)
    assert code == 0
    assert told["server"] == {
        "key_works": True,
        "says": "The key works.",
        "clock_offset_seconds": pytest.approx(0, abs=2),
    }
    assert told["device"] == DEVICE
    assert told["last_run"]["listening"]
    assert told["last_run"]["pid"] == client.pid
    code, said = cameras.run("status")
    assert code == 0
    assert "The key works." in said
    assert "; listening for commands" in said
    assert KEY not in said


def test_status_counts_what_waits_and_says_why_pictures_were_set_aside(
    server: FakeServer, cameras: Cameras
) -> None:
    spool = Spool(cameras.spool, limit=2**20)
    spool.add(make_picture("waits"), trigger_label="t")
    record = spool.add(make_picture("refused"), trigger_label="t")
    assert record is not None
    spool.set_aside(record, REFUSED, reason={"why": "415: Not a picture."})
    spool.close()
    code, told = status(cameras)
    assert code == 1
    assert told["spool"]["waiting"] == 1
    assert told["spool"]["aside"] == [
        {"name": record.picture_name, "where": "refused", "why": "415: Not a picture."}
    ]
    _, said = cameras.run("status", "--source", "rtsp://user:secret@cam/stream?token=secret")
    assert f"refused/{record.picture_name}: 415: Not a picture." in said
    assert "source        rtsp://cam/stream" in said
    assert "secret" not in said


def test_status_says_what_is_wrong_with_the_key(server: FakeServer, cameras: Cameras) -> None:
    code, told = status(cameras, key="vis_dev_wrong")
    assert (code, told["server"]["key_works"], told["server"]["says"]) == (1, False, "Problem 401.")
    server.api.refusal = problem(403, retryable=False, keep_local=True, code="device_suspended")
    code, told = status(cameras)
    assert (code, told["server"]["key_works"]) == (1, False)
    server.stop()
    code, told = status(cameras)
    assert (code, told["server"]["key_works"]) == (1, None)
    assert told["server"]["says"].startswith("No answer: no connection (")


def test_status_before_anything_is_set_up(cameras: Cameras) -> None:
    code, said = cameras.run("status", key=None, env={"VISANT_CAMERA_URL": ""})
    assert code == 1
    assert "No server is configured; run visant-camera claim, or give --url." in said


def test_help_lists_the_commands_and_the_old_form_is_run(cameras: Cameras) -> None:
    code, said = cameras.run("--help")
    assert code == 0
    assert [line.split()[0] for line in said.splitlines() if line.startswith("  ")] == [
        "run",
        "once",
        "claim",
        "status",
        "simulate",
    ]
    for command in ("run", "once", "claim", "status"):
        assert cameras.run(command, "--help")[0] == 0
    assert cameras.run("--version")[1] == cameras.run("run", "--version")[1]
