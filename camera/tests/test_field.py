"""A real client in the field: commands, schedules, configuration and keys, through crashes and outages."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from builders import Cameras, make_folder, wait_until, waiting
from fake_server import DEVICE, KEY, FakeServer, problem

FLAGS = ("--interval", "off", "--device", DEVICE)


@pytest.fixture
def options(tmp_path: Path) -> tuple[str, ...]:
    return ("--source", str(make_folder(tmp_path / "pictures", pictures=3)), *FLAGS)


def labels(server: FakeServer) -> dict[str, str]:
    return {record_id: headers["X-Visant-Trigger-Label"] for record_id, (_, headers) in server.pictures.items()}


def firsts(server: FakeServer) -> list[str]:
    return [record_id for record_id, status in server.receipts if status == 201]


def test_a_command_becomes_one_picture_under_its_trigger_id(
    server: FakeServer, cameras: Cameras, options: tuple[str, ...]
) -> None:
    client = cameras.start(*options)
    wait_until(lambda: server.api.listening == 1)
    begun = time.monotonic()
    server.api.command("t-1", parameters={"label": "Früh"}, type="schedule")
    server.api.command("t-2")
    wait_until(lambda: len(server.pictures) == 2)
    assert time.monotonic() - begun < 6  # and not at the next poll
    assert server.api.open == {}
    _, headers = server.pictures["t-2"]
    assert headers["X-Visant-Trigger-Label"] == "manual"
    assert headers["Content-Digest"].startswith("sha-256=:")
    time.sleep(0.3)
    assert sorted(server.attempts) == ["t-1", "t-2"]
    assert server.api.acknowledged == []
    client.terminate()
    assert client.wait(5) == 0


def test_a_bad_command_is_refused_and_holds_up_nobody(
    server: FakeServer, cameras: Cameras, options: tuple[str, ...]
) -> None:
    server.api.raw = [b"data: {broken\n\n", b'data: {"cmd":"capture"}\n\n', b"data: 7\n\n"]
    server.api.command("a/b")
    server.api.command("dance-1", cmd="dance")
    server.api.command("good-1")
    cameras.start(*options)
    wait_until(lambda: "good-1" in server.pictures and len(server.api.acknowledged) == 2)
    assert dict(server.api.acknowledged) == {
        "a/b": {"status": "failed", "reason": "This trigger_id cannot name a picture: it has a slash."},
        "dance-1": {"status": "failed", "reason": "This camera knows the command capture, not 'dance'."},
    }
    assert server.api.open == {}


def test_a_picture_that_cannot_be_taken_is_told(
    server: FakeServer, cameras: Cameras, options: tuple[str, ...], tmp_path: Path
) -> None:
    cameras.start(*options)
    wait_until(lambda: server.api.listening == 1)
    for path in (tmp_path / "pictures").iterdir():
        path.write_text("no picture")
    server.api.command("t-1")
    wait_until(lambda: bool(server.api.acknowledged))
    reason = "The camera could not take a picture: 000.jpg is not a JPEG, PNG or WebP picture."
    assert server.api.acknowledged == [("t-1", {"status": "failed", "reason": reason})]


def test_kill_9_before_the_picture_is_spooled_takes_it_after_the_restart(
    server: FakeServer, cameras: Cameras, options: tuple[str, ...], tmp_path: Path
) -> None:
    """The command was sent and the process died with it: the server repeats it."""
    client = cameras.start(*options)
    wait_until(lambda: server.api.listening == 1)
    client.kill()
    client.wait()
    server.api.command("t-1")
    cameras.start(*options)
    wait_until(lambda: "t-1" in server.pictures)
    assert firsts(server) == ["t-1"]


def test_kill_9_between_spool_and_receipt_sends_the_spooled_one_and_takes_no_other(
    server: FakeServer, cameras: Cameras, options: tuple[str, ...]
) -> None:
    server.judge = lambda record_id: problem(503, retryable=True, keep_local=True)
    client = cameras.start(*options)
    server.api.command("t-1")
    wait_until(lambda: "t-1" in server.attempts)
    client.kill()
    client.wait()
    (sidecar,) = cameras.spool.glob("2*.json")
    captured_at = json.loads(sidecar.read_text())["captured_at"]
    server.judge = lambda record_id: None
    cameras.start(*options)
    wait_until(lambda: "t-1" in server.pictures)
    wait_until(lambda: server.api.listening == 1)
    time.sleep(0.3)
    assert server.receipts == [("t-1", 201)]
    assert server.pictures["t-1"][1]["X-Visant-Captured-At"] == captured_at


def test_kill_9_between_receipt_and_its_arrival_is_one_picture_still(
    server: FakeServer, cameras: Cameras, options: tuple[str, ...]
) -> None:
    """The server has the picture and died before it closed the command, the client before it heard of it."""
    client = cameras.start(*options)
    received: list[str] = []

    def receive_and_kill(record_id: str) -> None:
        received.append(record_id)
        if len(received) == 1:
            server.pictures[record_id] = (b"", {})
            server.receipts.append((record_id, 201))
            client.kill()

    server.judge = receive_and_kill  # type: ignore[assignment]
    server.api.command("t-1")
    wait_until(lambda: client.poll() is not None)
    assert len(waiting(cameras.spool)) == 1
    cameras.start(*options)
    wait_until(lambda: ("t-1", 200) in server.receipts)
    assert firsts(server) == ["t-1"]
    wait_until(lambda: waiting(cameras.spool) == set())


def test_a_command_whose_picture_arrived_is_acknowledged_when_it_comes_again(
    server: FakeServer, cameras: Cameras, options: tuple[str, ...]
) -> None:
    client = cameras.start(*options)
    server.api.command("t-1")
    wait_until(lambda: "t-1" in server.pictures and waiting(cameras.spool) == set())
    client.kill()
    client.wait()
    server.api.command("t-1")  # as a server that was killed between picture and command has it
    cameras.start(*options)
    wait_until(lambda: server.api.acknowledged == [("t-1", {"status": "done"})])
    time.sleep(0.2)
    assert server.attempts == ["t-1"]


def test_a_command_that_is_younger_than_the_upload_of_its_picture_is_answered_too(
    server: FakeServer, cameras: Cameras, options: tuple[str, ...]
) -> None:
    """As one of a schedule, whose run was made here: the upload could not close what came after it."""

    def repeat(record_id: str) -> None:
        del server.api.open["t-1"]  # closed by this upload
        server.api.raw = [b'data: {"cmd":"capture","trigger_id":"t-1","type":"schedule"}\n\n']
        wait_until(lambda: not server.api.raw)
        server.api.command("t-2")  # heard after it
        wait_until(lambda: len(waiting(cameras.spool)) == 2)
        server.judge = lambda record_id: None

    server.judge = repeat
    cameras.start(*options)
    server.api.command("t-1")
    wait_until(lambda: server.api.acknowledged == [("t-1", {"status": "done"})])
    wait_until(lambda: "t-2" in server.pictures)
    assert firsts(server) == ["t-1", "t-2"]


def with_periods(periods: str) -> str:
    """Python that runs the client with other waits than its own."""
    return (
        "import sys; from datetime import timedelta; from visant_camera.backoff import Backoff;"
        f"from visant_camera.run import Periods, main; sys.exit(main(sys.argv[1:], periods=Periods({periods})))"
    )


def test_where_streams_do_not_come_through_commands_are_polled_for(
    server: FakeServer, cameras: Cameras, options: tuple[str, ...]
) -> None:
    server.api.holds_back = True
    cameras.start(*options, code=with_periods("silence=(0.5, 1.0)"))
    wait_until(lambda: "poll" in server.api.connections)
    server.api.command("t-1")
    wait_until(lambda: "t-1" in server.pictures)
    assert server.api.connections[:2] == ["stream", "poll"]


def test_a_stream_without_pings_is_given_up_and_opened_again(
    server: FakeServer, cameras: Cameras, options: tuple[str, ...]
) -> None:
    server.api.ping = 3600
    periods = "silence=(1.5, 1.5), listen_again=lambda: Backoff(first=0.1)"
    cameras.start(*options, code=with_periods(periods))
    wait_until(lambda: server.api.connections.count("stream") >= 3, seconds=20)
    server.api.command("t-1")
    wait_until(lambda: "t-1" in server.pictures)


def minutely(label: str = "every minute") -> dict[str, Any]:
    return {"id": "s1", "label": label, "interval_seconds": 60, "cron": None, "time_zone": "UTC"}


NOON = datetime(2031, 3, 4, 12, 0, tzinfo=timezone.utc)
AT_NOON = {"id": "s1", "label": "here", "cron": "0 12 * * *", "time_zone": "UTC"}
RUN = f"schedule-s1-{int(NOON.timestamp())}"
GRACE = timedelta(seconds=1)
CLOCK = (
    "import os, datetime, visant_camera.clock as c; now = c.utc_now;"
    "c.utc_now = lambda: now() + datetime.timedelta(seconds=float(open(os.environ['AHEAD']).read()));"
) + with_periods("grace=timedelta(seconds=1), longest_pause=0.05")


class Time:
    """The time of the server and, by its environment, of clients that are run with ``CLOCK``."""

    def __init__(self, server: FakeServer, folder: Path) -> None:
        self._server = server
        self._file = folder / "ahead"
        self.environment = {"AHEAD": str(self._file)}
        self.set(NOON - timedelta(hours=1))

    def set(self, now: datetime) -> None:
        self._server.api.clock_ahead = (now - datetime.now(timezone.utc)).total_seconds()
        new = self._file.with_suffix(".new")
        new.write_text(str(self._server.api.clock_ahead))
        new.replace(self._file)

    def now(self) -> datetime:
        return datetime.now(timezone.utc) + timedelta(seconds=self._server.api.clock_ahead)


@pytest.fixture
def clock(server: FakeServer, tmp_path: Path) -> Time:
    """An hour before a schedule's run."""
    server.api.configuration = {"version": 7, "schedules": [AT_NOON]}
    return Time(server, tmp_path)


def test_a_schedule_runs_here_from_the_last_configuration_while_the_server_is_away(
    server: FakeServer, cameras: Cameras, options: tuple[str, ...], clock: Time
) -> None:
    first = cameras.start(*options, code=CLOCK, env=clock.environment)
    wait_until(lambda: bool(server.api.reports))
    first.kill()
    first.wait()
    server.stop()
    clock.set(NOON - timedelta(seconds=1))
    second = cameras.start(*options, code=CLOCK, env=clock.environment)
    wait_until(lambda: len(waiting(cameras.spool)) == 1)
    assert clock.now() >= NOON
    second.kill()
    second.wait()
    # Within the minute in which a missed run is made up for, a third process finds it in the spool.
    cameras.start(*options, code=CLOCK, env=clock.environment)
    server.start()
    server.api.command(RUN, type="schedule", parameters={"label": "here"})  # the server's own, late
    wait_until(lambda: not server.api.open and server.api.listening == 1)
    time.sleep(0.3)
    assert (server.receipts, labels(server)) == ([(RUN, 201)], {RUN: "here"})


def test_a_listening_camera_leaves_the_run_to_the_command_and_makes_it_when_none_comes(
    server: FakeServer, cameras: Cameras, options: tuple[str, ...], clock: Time
) -> None:
    cameras.start(*options, code=CLOCK, env=clock.environment)
    wait_until(lambda: server.api.listening == 1 and bool(server.api.heartbeats))
    clock.set(NOON - timedelta(seconds=0.2))
    # An answer on its way may still tell the time before; the next one has the time of now.
    server.api.configuration = {**server.api.configuration, "version": 8}
    wait_until(lambda: bool(server.attempts))
    assert clock.now() >= NOON + GRACE
    wait_until(lambda: RUN in server.pictures)
    server.api.command(RUN, type="schedule")
    wait_until(lambda: server.api.acknowledged == [(RUN, {"status": "done"})])
    assert server.receipts == [(RUN, 201)]


def test_configuration_is_reported_and_asked_for_again_at_its_event(
    server: FakeServer, cameras: Cameras, options: tuple[str, ...]
) -> None:
    yearly = {**minutely(), "interval_seconds": None, "cron": "0 0 1 1 *"}
    server.api.configuration = {"version": 1, "schedules": [yearly, {"id": "odd", "cron": "never"}]}
    client = cameras.start(*options)
    wait_until(lambda: bool(server.api.reports))
    assert server.api.reports[-1]["version"] == 1
    assert [one["id"] for one in server.api.reports[-1]["schedules"]] == ["s1"]
    wait_until(lambda: server.api.listening == 1)
    server.api.configuration = {"version": 2, "schedules": [], "heartbeat_seconds": 60}
    wait_until(lambda: len(server.api.reports) == 2)
    assert server.api.reports[-1]["heartbeat_seconds"] == 60
    kept = json.loads((cameras.spool / "state" / "configuration.json").read_text())
    assert kept["configuration"]["version"] == 2
    client.kill()
    client.wait()
    cameras.start(*options)
    wait_until(lambda: server.api.answers_to_config[-1] == 304)


def test_heartbeats_tell_how_the_camera_is(server: FakeServer, cameras: Cameras, options: tuple[str, ...]) -> None:
    server.api.clock_ahead = -3600
    cameras.start(*options)
    wait_until(lambda: len(server.api.heartbeats) >= 1)
    told = server.api.heartbeats[0]
    assert {"version", "spool_count", "spool_bytes", "free_bytes", "uptime_seconds"} <= told.keys()
    assert (told["spool_count"], told["spool_bytes"], told["dropped_count"]) == (0, 0, 0)
    assert told["clock_offset_seconds"] == pytest.approx(3600, abs=2)
    server.api.command("t-1")
    wait_until(lambda: "t-1" in server.pictures)
    headers = server.pictures["t-1"][1]
    assert json.loads(headers["X-Visant-Metadata"])["clock_offset_seconds"] == pytest.approx(3600, abs=2)
    off = datetime.fromisoformat(headers["X-Visant-Captured-At"]) - datetime.now(timezone.utc)
    assert abs(off) < timedelta(seconds=20)


def test_a_new_key_is_kept_used_and_ends_the_old_one(
    server: FakeServer, cameras: Cameras, options: tuple[str, ...], tmp_path: Path
) -> None:
    config = tmp_path / "camera.conf"
    config.write_text(f"[visant-camera]\nkey = {KEY}\n")
    config.chmod(0o600)
    server.api.rotation = "vis_dev_rotated"
    server.keys.add("vis_dev_rotated")
    client = cameras.start(*options, "--config", str(config), key=None)
    wait_until(lambda: server.api.ended == [KEY])
    wait_until(lambda: config.read_text() == "[visant-camera]\nkey = vis_dev_rotated\n")
    server.api.command("t-1")
    wait_until(lambda: "t-1" in server.pictures)
    assert server.pictures["t-1"][1]["Authorization"] == "Bearer vis_dev_rotated"
    client.kill()
    said, _ = client.communicate(timeout=5)
    assert "vis_dev" not in said
    assert "vis_dev" not in (cameras.spool / "state" / "configuration.json").read_text()


def test_kill_9_between_the_new_key_and_its_use_locks_nobody_out(
    server: FakeServer, cameras: Cameras, options: tuple[str, ...], tmp_path: Path
) -> None:
    config = tmp_path / "camera.conf"
    config.write_text(f"[visant-camera]\nkey = vis_dev_rotated\nold_key = {KEY}\n")
    server.keys = {"vis_dev_rotated"}  # the server saw it; the client died before it noted that
    server.api.command("t-1")
    cameras.start(*options, "--config", str(config), key=None)
    wait_until(lambda: "t-1" in server.pictures)
    wait_until(lambda: "old_key" not in config.read_text())
    assert "key = vis_dev_rotated" in config.read_text()


def test_a_suspended_camera_keeps_its_pictures_and_asks_rarely(
    server: FakeServer, cameras: Cameras, options: tuple[str, ...]
) -> None:
    refusal = problem(403, retryable=False, keep_local=True, code="device_suspended")
    server.api.refusal, server.judge = refusal, lambda record_id: refusal
    client = cameras.start("--source", options[1], "--interval", "0.05", "--device", DEVICE)
    wait_until(lambda: len(waiting(cameras.spool)) >= 5 and bool(server.attempts))
    assert len(server.attempts) == 1
    client.terminate()
    said, _ = client.communicate(timeout=5)
    assert said.count("this camera is suspended on the server") == 1
    assert client.returncode == 0


def test_without_a_device_id_the_first_receipt_tells_it(
    server: FakeServer, cameras: Cameras, options: tuple[str, ...]
) -> None:
    cameras.start("--source", options[1], "--interval", "0.2")
    wait_until(lambda: server.api.listening == 1)
    assert (cameras.spool / "state" / "device").read_text() == DEVICE


def test_it_stays_small(server: FakeServer, cameras: Cameras, options: tuple[str, ...]) -> None:
    client = cameras.start("--source", options[1], "--interval", "0.02", "--device", DEVICE)
    wait_until(lambda: server.api.listening == 1 and len(server.pictures) > 50, seconds=30)
    status = Path(f"/proc/{client.pid}/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    assert peak < 60, f"{peak:.0f} MB"
