"""Cameras that listen, on the real server: told at once, told again, and let go when they should be."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable

import pytest

from tests.builders import make_jpeg
from tests.listener import Listener
from tests.server import BASE_DIR, HOST, Camera, Server, free_port

# All in one process of pytest: their server is started once.
pytestmark = pytest.mark.xdist_group("streams")

SETTINGS = {"DJANGO_SETTINGS_MODULE": "tests.streams_settings"}
LISTENED = "SELECT count(*) FROM devices_devicestatus WHERE listened_at IS NOT NULL AND device_id = '{}'"
PREAMBLE = """
from django.db import close_old_connections
from django.utils import timezone
from devices.models import *
from devices.announcements import announce
from devices.services.commands import *
from devices.services.keys import revoke_key
from orgs import scope
from orgs.models import Organization
scope.enter_all("a test changes what is there")
"""
OF_CAMERA = "close_old_connections()\ndevice = Device.unscoped.get(pk='{}')\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("streams"), workers=2, **SETTINGS) as running:
        running.start()
        yield running


@pytest.fixture(scope="module")
def shell(server):
    with server.shell() as run:
        run(PREAMBLE)
        yield run


@pytest.fixture(scope="module")
def cameras(server) -> list[Camera]:
    """Enough for all tests: each takes one, which no other has."""
    return server.found(20)


@pytest.fixture
def camera(cameras) -> Camera:
    return cameras.pop()


Shell = Callable[[str], None]


def change(shell: Shell, camera: Camera, code: str) -> None:
    """Run a few lines in another process, with the camera at hand as ``device``."""
    shell(OF_CAMERA.format(camera.id) + code)


def trigger(shell: Shell, camera: Camera, *trigger_ids: str, parameters: dict | None = None) -> None:
    queue = "queue_command(device=device, trigger_type='manual', trigger_id={!r}, parameters={!r})"
    change(shell, camera, "\n".join(queue.format(name, parameters) for name in trigger_ids))


def told(trigger_id: str, **more: object) -> dict:
    return {"cmd": "capture", "trigger_id": trigger_id, "type": "manual", **more}


def status_of(server: Server, trigger_id: str) -> str:
    [(status,)] = server.rows(f"SELECT status FROM devices_command WHERE trigger_id = '{trigger_id}'")
    return status


def wait_for(claim: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not claim():
        assert time.monotonic() < until
        time.sleep(0.05)


def upload(server: Server, camera: Camera, trigger_id: str) -> int:
    path = f"/v1/captures?record_id={trigger_id}&trigger_id={trigger_id}"
    return server.request("POST", path, make_jpeg(), {"X-API-Key": camera.key})[0]


def problem_of(server: Server, path: str, key: str) -> tuple[int, str | None, str]:
    status, headers, body = server.request("GET", path, headers={"Authorization": f"Bearer {key}"})
    return status, headers.get("Content-Type"), json.loads(body)["code"]


# --- what is said


def test_the_frames_are_exactly_these(server, shell, camera):
    with Listener(server.port, camera) as listener:
        assert listener.answer.headers["Content-Type"] == "text/event-stream"
        assert listener.answer.headers["Cache-Control"] == "no-store"
        assert listener.answer.headers["X-Accel-Buffering"] == "no"
        assert "Content-Length" not in listener.answer.headers
        assert listener.frame().startswith(b"retry: ")
        assert listener.frame() == b'data: {"event":"connected"}\n\n'
        assert listener.frame() == b'data: {"event":"ping"}\n\n'
        trigger(shell, camera, "one", parameters={"label": "Noon"})
        frame = listener.frame()
        while frame == b'data: {"event":"ping"}\n\n':
            frame = listener.frame()
        assert frame == (
            b'data: {"cmd":"capture","trigger_id":"one","type":"manual","parameters":{"label":"Noon"}}\n\n'
        )
        wait_for(lambda: status_of(server, "one") == "sent")
    assert server.rows(LISTENED.format(as_stored(camera))) == [(1,)]


def test_streams_may_have_processes_of_their_own_on_another_port(server, shell, camera):
    """The same server once more; what comes by one of them is told by the other."""
    port = free_port()
    environment = {**server.environment, "PORT": str(port), "VISANT_HOST": HOST, "WEB_PROCESSES": "1"}
    command = [sys.executable, "manage.py", "web"]
    log = (server.folder / "events.log").open("w")
    options = {"cwd": BASE_DIR, "env": environment, "stdout": log, "stderr": log, "start_new_session": True}
    with subprocess.Popen(command, **options) as events:
        try:
            wait_for(lambda: socket.socket().connect_ex((HOST, port)) == 0)
            with Listener(port, camera) as listener:
                assert listener.next() == {"event": "connected"}
                trigger(shell, camera, "across")
                assert listener.next() == told("across")
                assert upload(server, camera, "across") == 201
                wait_for(lambda: status_of(server, "across") == "done")
                events.terminate()
                assert listener.next() is None
            assert events.wait(timeout=10) in (0, -signal.SIGTERM)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(events.pid, signal.SIGKILL)


def as_stored(camera: Camera) -> str:
    return camera.id if os.environ.get("VISANT_TEST_DATABASE") == "postgresql" else uuid.UUID(camera.id).hex


def test_what_is_open_comes_again_on_each_connection_until_it_is_closed(server, shell, camera):
    trigger(shell, camera, "first", "second", "third")
    with Listener(server.port, camera) as listener:
        assert [listener.next() for _ in range(4)] == [
            {"event": "connected"},
            told("first"),
            told("second"),
            told("third"),
        ]
        # In another order than told, one twice, one as failed; none holds up the others.
        acknowledge = "acknowledge_command(device=device, trigger_id={!r}, failure={!r})"
        for name, failure in (("third", ""), ("third", "Too late."), ("first", "Lens jammed.")):
            change(shell, camera, acknowledge.format(name, failure))
        trigger(shell, camera, "fourth")
        assert listener.next() == told("fourth")
    with Listener(server.port, camera) as listener:
        assert [listener.next() for _ in range(3)] == [{"event": "connected"}, told("second"), told("fourth")]
        assert upload(server, camera, "second") == 201
        wait_for(lambda: status_of(server, "fourth") == "sent")
    assert [status_of(server, name) for name in ("first", "second", "third", "fourth")] == [
        "failed",
        "done",
        "done",
        "sent",
    ]


def test_two_streams_of_a_camera_are_both_told_or_the_older_ends(server, shell, camera):
    with Listener(server.port, camera) as older, Listener(server.port, camera) as newer:
        assert newer.next() == {"event": "connected"}
        trigger(shell, camera, f"both {camera.id}")
        assert newer.next() == told(f"both {camera.id}")
        heard = [older.next(), older.next()]
        # Of one process the older one is ended, of two each tells: the older may be one that is dead by now.
        assert heard in ([{"event": "connected"}, None], [{"event": "connected"}, told(f"both {camera.id}")])


def test_changes_of_the_configuration_are_told_to_who_asks(server, shell, camera):
    bump = "Device.unscoped.filter(pk=device.pk).update(configuration_version=8); announce(device.pk)"
    with Listener(server.port, camera, "?config=1&device_version=1.2.3") as listener:
        assert [listener.next(), listener.next()] == [{"event": "connected"}, {"event": "config", "version": 1}]
        change(shell, camera, bump)
        assert listener.next() == {"event": "config", "version": 8}
    [(version,)] = server.rows(f"SELECT version FROM devices_devicestatus WHERE device_id = '{as_stored(camera)}'")
    assert version == "1.2.3"


def test_a_configuration_alone_is_told_soon_without_the_periodic_look(tmp_path):
    """On SQLite, where nothing is announced, it is found by the search for what is new."""
    with Server(tmp_path / "var", workers=1) as server, server.shell() as shell:
        [camera] = server.found()
        server.start()
        shell(PREAMBLE + "from devices.services.configuration_version import bump_configuration")
        with Listener(server.port, camera, "?config=1") as listener:
            assert [listener.next(), listener.next()] == [
                {"event": "connected"},
                {"event": "config", "version": 1},
            ]
            change(shell, camera, "bump_configuration(device)")
            began = time.monotonic()
            assert listener.next() == {"event": "config", "version": 2}
            assert time.monotonic() - began < 1.5


# --- who may listen


def test_who_may_not_listen_gets_a_problem_and_no_stream(server, cameras, camera):
    other = cameras.pop()
    path = f"/v1/devices/{camera.id}/commands"
    problem = "application/problem+json"
    assert problem_of(server, path, "vis_dev_0123456789_wrong") == (401, problem, "key_unknown")
    assert problem_of(server, path, other.key) == (403, problem, "not_this_device")
    assert problem_of(server, f"{path}?wait=61", camera.key) == (400, problem, "invalid")


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        ("revoke_key(key=device.keys.get(), acting_user=None)", "key_revoked"),
        ("device.keys.update(expires_at=timezone.now())", "key_expired"),
        ("Device.unscoped.filter(pk=device.pk).update(suspended_at=timezone.now())", "device_suspended"),
        ("Device.unscoped.filter(pk=device.pk).update(retired_at=timezone.now())", "device_retired"),
    ],
)
def test_a_stream_ends_when_its_camera_may_not_listen_any_more(server, shell, camera, trouble, code):
    """Within a second by the periodic look, though nothing was announced."""
    with Listener(server.port, camera) as listener:
        assert listener.next() == {"event": "connected"}
        change(shell, camera, trouble)
        assert listener.next() is None
    assert problem_of(server, f"/v1/devices/{camera.id}/commands", camera.key)[2] == code


def test_a_stream_ends_when_its_organization_is_suspended(server, shell):
    camera = server.add_camera(server.add_organization("Globex"), "Gate")
    suspend = "Organization.objects.filter(pk=device.org_id).update(suspended_at=timezone.now())"
    with Listener(server.port, camera) as listener:
        assert listener.next() == {"event": "connected"}
        change(shell, camera, suspend)
        assert listener.next() is None


def test_nothing_a_client_says_makes_the_server_hold_an_answer_or_seem_another_caller(server, camera):
    """What is to be held is no header; and names that WSGI would mistake for another are dropped."""
    said = {"X-API-Key": camera.key, "X-Visant-Hold": "1", "Visant.Offer": "1", "X_API_Key": "wrong"}
    status, headers, body = server.request("GET", "/v1/captures", headers=said)
    assert (status, json.loads(body)["captures"]) == (200, [])
    assert "Content-Length" in headers
    with Listener(server.port, camera) as listener:
        assert not [name for name in listener.answer.headers if "hold" in name.lower() or "offer" in name.lower()]


# --- polling


def test_a_poll_is_answered_as_soon_as_there_is_a_command(server, shell, camera):
    answers: list[tuple[float, object]] = []

    def poll() -> None:
        began = time.monotonic()
        _, _, body = server.request(
            "GET", f"/v1/devices/{camera.id}/commands?wait=30", headers={"X-API-Key": camera.key}
        )
        answers.append((time.monotonic() - began, json.loads(body)))

    polling = threading.Thread(target=poll)
    polling.start()
    time.sleep(1)
    name = f"polled {camera.id}"
    trigger(shell, camera, name)
    polling.join(30)
    [(seconds, answer)] = answers
    assert answer == {"commands": [told(name)]}
    assert 1 < seconds < 20
    status, headers, body = server.request(
        "GET", f"/v1/devices/{camera.id}/commands?wait=0", headers={"X-API-Key": camera.key}
    )
    assert (status, json.loads(body)) == (200, {"commands": [told(name)]})
    assert headers["Content-Type"] == "application/json"


def test_a_poll_is_empty_when_its_time_is_up(server, camera):
    began = time.monotonic()
    status, headers, body = server.request(
        "GET", f"/v1/devices/{camera.id}/commands?wait=2", headers={"X-API-Key": camera.key}
    )
    assert (status, headers["Content-Type"], json.loads(body)) == (200, "application/json", {"commands": []})
    assert 2 <= time.monotonic() - began < 10


# --- the server


@pytest.fixture(scope="module")
def narrow(tmp_path_factory):
    """A server of one thread, and six cameras."""
    with Server(tmp_path_factory.mktemp("narrow"), workers=1, threads=1, **SETTINGS) as server:
        cameras = server.found(6)
        server.start()
        yield server, cameras


def test_streams_take_no_threads_from_requests(narrow):
    server, cameras = narrow
    listeners = [Listener(server.port, camera).__enter__() for camera in cameras]
    assert [listener.next() for listener in listeners] == [{"event": "connected"}] * 6
    assert upload(server, cameras[0], "beside") == 201
    for listener in listeners:
        listener.__exit__(None, None, None)


def test_a_command_outlives_the_server_and_its_picture_is_there_once(tmp_path):
    with Server(tmp_path / "var", workers=2, **SETTINGS) as server:
        [camera] = server.found()
        server.start()
        with Listener(server.port, camera) as listener, server.shell() as shell:
            assert listener.next() == {"event": "connected"}
            shell(PREAMBLE)
            trigger(shell, camera, "survivor")
            assert listener.next() == told("survivor")
            server.kill()
        server.start()
        with Listener(server.port, camera) as listener:
            assert [listener.next(), listener.next()] == [{"event": "connected"}, told("survivor")]
        assert [upload(server, camera, "survivor") for _ in range(2)] == [201, 200]
        assert status_of(server, "survivor") == "done"
        assert server.rows("SELECT count(*) FROM captures_capture") == [(1,)]
        with Listener(server.port, camera) as listener:
            assert [listener.next(), listener.next(pings=True)] == [{"event": "connected"}, {"event": "ping"}]


def test_streams_and_polls_end_cleanly_when_the_server_is_told_to(tmp_path):
    with Server(tmp_path / "var", workers=2, **SETTINGS) as server:
        camera, polling = server.found(2)
        server.start()
        with Listener(server.port, camera) as listener, Listener(server.port, polling, "?wait=60") as poll:
            assert listener.next() == {"event": "connected"}
            began = time.monotonic()
            server.stop()
            assert time.monotonic() - began < 5
            assert listener.next() is None
            assert json.loads(poll.answer.read()) == {"commands": []}
        assert "Traceback" not in server.log.read_text()
        assert "Cancel" not in server.log.read_text()


def test_a_slow_client_keeps_no_thread(narrow):
    server, [camera, *_] = narrow
    slow = http.client.HTTPConnection(HOST, server.port, timeout=30)
    picture = make_jpeg(7)
    slow.putrequest("POST", "/v1/captures")
    for name, value in {
        "X-API-Key": camera.key,
        "Content-Type": "image/jpeg",
        "Content-Length": str(len(picture)),
    }.items():
        slow.putheader(name, value)
    slow.endheaders(picture[:100])
    assert upload(server, camera, "quick") == 201
    slow.send(picture[100:])
    assert slow.getresponse().status == 201
