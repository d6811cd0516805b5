"""Requests on their way through the real server: slow, cut off or too large, and whom they come from."""

import http.client
import json
import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.builders import make_jpeg
from tests.server import HOST, Camera, Server

FORM = b"csrfmiddlewaretoken=" + b"a" * 32 + b"&name=Cut"
LOG_IN = """
from orgs.models import User
from tests.builders import logged_in
print(logged_in(User.objects.get()).cookies["sessionid"].value)
"""


# All in one process of pytest: the server and its cameras are made once. And no matter of the database.
pytestmark = [pytest.mark.xdist_group("bridge"), pytest.mark.once]


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    """Two threads, of which one may wait for bodies: what keeps the other stops all. And little patience."""
    folder = tmp_path_factory.mktemp("bridge")
    settings = {"DJANGO_SETTINGS_MODULE": "tests.impatient_settings", "VISANT_TRUSTED_PROXIES": "127.0.0.2"}
    with Server(folder, workers=1, threads=2, **settings) as running:
        running.start()
        yield running


@pytest.fixture(scope="module")
def cameras(server) -> list[Camera]:
    """Enough for all tests that want one of their own; made together, as starting the command takes its time."""
    return server.found(10)


@pytest.fixture
def camera(cameras) -> Camera:
    return cameras.pop()


@pytest.fixture(scope="module")
def session(server, cameras) -> tuple[str, ...]:
    """The headers with which the owner sends a form."""
    cookie = server.manage("shell", "--no-imports", "-v0", "-c", LOG_IN).strip()
    return (
        f"Cookie: csrftoken={'a' * 32}; sessionid={cookie}",
        "Content-Type: application/x-www-form-urlencoded",
    )


def head(path: str, length: int, *more: str, method: str = "POST") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {length}", *more]
    return "\r\n".join([*lines, "", ""]).encode()


def picture_of(camera: Camera) -> tuple[str, str]:
    return f"X-API-Key: {camera.key}", "Content-Type: image/jpeg"


@contextmanager
def sent(server: Server, data: bytes, source: str = HOST) -> Iterator[socket.socket]:
    with socket.create_connection((HOST, server.port), timeout=20, source_address=(source, 0)) as connection:
        connection.sendall(data)
        yield connection


def answer_to(connection: socket.socket) -> tuple[int, bytes]:
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    return answer.status, answer.read()


def send_slowly(connection: socket.socket, pieces: int) -> None:
    for _ in range(pieces):
        connection.sendall(b"x" * 2**16)
        time.sleep(0.005)


def begun_for(camera: Camera) -> bytes:
    """More than is awaited without a thread."""
    return head("/v1/captures", 9 * 2**20, "Expect: 100-continue", *picture_of(camera))


def trickle(connection: socket.socket) -> None:
    """Send a byte now and then until there is an answer."""
    until = time.monotonic() + 8
    while time.monotonic() < until and not select.select([connection], [], [], 0.1)[0]:
        connection.sendall(b"x")


def iter_ready(connections: list[socket.socket]) -> Iterator[socket.socket]:
    """Those of which something came, as it comes."""
    while True:
        yield from select.select(connections, [], [], 10)[0]


def seconds_to_be_answered(server: Server) -> float:
    began = time.monotonic()
    assert server.request("GET", "/healthz")[0] == 200
    return time.monotonic() - began


# --- slow ones


@pytest.mark.parametrize(
    "begun",
    [
        head("/accounts/login/", 100, "Expect: 100-continue"),
        head("/v1/captures", 60_000, "Expect: 100-continue"),
        head("/v1/captures", 8 * 2**20) + b"x",
        head("/accounts/login/", 100) + b"x",
    ],
)
def test_who_sends_no_body_keeps_no_thread_and_is_sent_away(server, begun):
    with ExitStack() as stack:
        slow = [stack.enter_context(sent(server, begun)) for _ in range(10)]
        time.sleep(0.2)
        assert seconds_to_be_answered(server) < 1
        for connection in slow:
            status, body = answer_to(connection)
            said = json.loads(body)
            assert (status, said["code"], said["retryable"], said["keep_local"]) == (
                408,
                "body_too_slow",
                True,
                True,
            )
            assert said["request_id"] in server.log.read_text()
            assert connection.recv(1) == b""
    assert "Traceback" not in server.log.read_text()


def test_a_body_that_a_thread_awaits_must_come_at_the_least_rate(server, camera):
    """A large one that is only sent when it is asked for: a trickle does not keep the thread for long."""
    began = time.monotonic()
    with sent(server, begun_for(camera)) as slow:
        assert slow.recv(100).startswith(b"HTTP/1.1 100 ")
        trickle(slow)
        status, body = answer_to(slow)
    assert time.monotonic() - began < 8
    assert (status, json.loads(body)["code"]) == (400, "body_cut_off")
    assert "Traceback" not in server.log.read_text()


def test_who_sends_large_bodies_slowly_leaves_threads_to_others(server, camera):
    """However many there are; and those who are not heard are told to come again."""
    with ExitStack() as stack:
        slow = [stack.enter_context(sent(server, begun_for(camera))) for _ in range(6)]
        first = next(each for each in iter_ready(slow) if each.recv(100).startswith(b"HTTP/1.1 100 "))
        waiting = [each for each in slow if each is not first]
        until = time.monotonic() + 4
        while time.monotonic() < until and not select.select(waiting, [], [], 0)[0]:
            first.sendall(b"x" * 2048)  # faster than the least rate
            assert seconds_to_be_answered(server) < 1
            time.sleep(0.1)
        told = [answer_to(each) for each in waiting]
    assert {status for status, _ in told} == {503}
    said = json.loads(told[0][1])
    assert (said["code"], said["retryable"], said["keep_local"]) == ("too_many_bodies", True, True)
    assert "Traceback" not in server.log.read_text()


def test_a_small_body_comes_when_it_is_asked_for(server, camera):
    picture = make_jpeg(3)
    begun = head("/v1/captures?record_id=asked", len(picture), "Expect: 100-continue", *picture_of(camera))
    with sent(server, begun) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(picture)
        assert answer_to(connection)[0] == 201


# --- cut off


@pytest.mark.parametrize("more", [(), ("Expect: 100-continue",)])
@pytest.mark.parametrize("length", [2 * len(FORM), 2 * 2**16])
def test_a_form_that_is_cut_off_saves_nothing(server, camera, session, length, more):
    """What came would be a whole form by itself; but more of it was announced."""
    path = f"/cameras/{camera.id}/rename"
    with sent(server, head(path, length, *session, *more)) as connection:
        if more:
            assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(FORM)
        time.sleep(0.2)
    assert seconds_to_be_answered(server) < 2
    assert ("Cut",) not in server.rows("SELECT name FROM devices_device")
    whole = FORM + f" {length} {more}".encode()
    with sent(server, head(path, len(whole), *session) + whole) as connection:
        assert answer_to(connection)[0] == 302
    assert (f"Cut {length} {more}",) in server.rows("SELECT name FROM devices_device")
    assert "Traceback" not in server.log.read_text()


# --- too large


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(server, camera):
    begun = head("/v1/captures", 2**30, *picture_of(camera))
    with sent(server, begun) as connection:
        status, body = answer_to(connection)
    assert (status, json.loads(body)["code"]) == (413, "too_many_bytes")


@pytest.mark.parametrize("begun", [b"GET /healthz HTTP/1.1\r\nX-Long: ", b"GET /"])
def test_heads_have_an_end(server, begun):
    with sent(server, begun) as connection, pytest.raises((ConnectionResetError, BrokenPipeError)):
        send_slowly(connection, 80)
    assert seconds_to_be_answered(server) < 2


def test_many_requests_in_one_connection_are_no_large_head(server):
    connection = http.client.HTTPConnection(HOST, server.port, timeout=20)
    for _ in range(8):
        connection.request("GET", "/healthz", headers={"X-Long": "x" * 15_000})
        answer = connection.getresponse()
        assert (answer.status, bool(answer.read())) == (200, True)


# --- from whom


@pytest.mark.parametrize(("source", "caller"), [(HOST, HOST), ("127.0.0.2", "192.0.2.7")])
def test_the_caller_is_who_connects_or_whom_a_trusted_server_names(server, camera, source, caller):
    said = f"X-API-Key: {camera.key}", "X-Forwarded-For: 192.0.2.7"
    with sent(server, head("/v1/captures", 0, *said, method="GET"), source) as connection:
        assert answer_to(connection)[0] == 200
    prefix = camera.key.split("_")[2]
    # As text: PostgreSQL answers with an address.
    [(used_from,)] = server.rows(f"SELECT last_used_from FROM devices_devicekey WHERE prefix = '{prefix}'")
    assert str(used_from) == caller
