"""What keys are used for, on the real server: added up over its processes, and written before they end."""

import time

from tests.builders import make_jpeg
from tests.server import Server

REQUESTS = 40
ROWS = "SELECT requests, pictures, bytes FROM devices_devicekeyusage"
MONTHS = "SELECT pictures, bytes FROM orgs_monthlyusage"


def test_the_processes_of_a_server_add_up_and_write_the_last_counts_when_they_end(tmp_path):
    with Server(tmp_path / "var", workers=2) as server:
        [camera] = server.found()
        server.start()
        size = 0
        for number in range(REQUESTS):
            picture = make_jpeg(number)
            size += len(picture)
            status, _, _ = server.request("POST", "/v1/captures", picture, {"X-API-Key": camera.key})
            assert status == 201
        server.stop()
        assert server.rows(ROWS) == [(REQUESTS, REQUESTS, size)]
        assert server.rows(MONTHS) == [(REQUESTS, size)]


def test_a_quiet_server_writes_the_last_counts_within_seconds(tmp_path):
    with Server(tmp_path / "var", workers=1) as server:
        [camera] = server.found()
        server.start()
        server.request("GET", "/v1/captures", headers={"X-API-Key": camera.key})
        deadline = time.monotonic() + 20
        while not server.rows(ROWS) and time.monotonic() < deadline:
            time.sleep(0.1)
        server.kill()
        assert server.rows(ROWS) == [(1, 0, 0)]
