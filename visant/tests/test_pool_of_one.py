"""The second wall with one connection for everybody: what one caller may see is never shown to the next.

A real web server on PostgreSQL, one process and a pool of one connection, and views that forget every filter.
"""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.builders import make_jpeg
from tests.server import Server

pytestmark = [
    pytest.mark.skipif(
        os.environ.get("VISANT_TEST_DATABASE") != "postgresql", reason="SQLite has no row-level security"
    ),
    pytest.mark.xdist_group("pool"),
]
TROUBLES = {
    "fails": 500,
    "rolls_back": 200,
    "rolls_back_by_hand": 200,
    "runs_out_of_time": 503,
    "is_cut_off": 503,
    "leaves_a_transaction_open": 200,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(
        tmp_path_factory.mktemp("pool"),
        workers=1,
        threads=4,
        DJANGO_SETTINGS_MODULE="tests.forgetful_settings",
        DATABASE_POOL_MIN="1",
        DATABASE_POOL_MAX="1",
    ) as running:
        running.start()
        yield running


@pytest.fixture(scope="module")
def keys(server) -> dict[str, str]:
    """The key of a camera of each of two organizations, which have a picture each, by the organization's id."""
    found = {}
    for name in ("Acme", "Globex"):
        slug = server.add_organization(name)
        camera = server.add_camera(slug, "Gate")
        answer, _, _ = server.request("POST", "/v1/captures", make_jpeg(), {"X-API-Key": camera.key})
        assert answer == 201
        [(org_id,)] = server.rows(f"SELECT id FROM orgs_organization WHERE slug = '{slug}'")
        found[str(org_id)] = camera.key
    return found


def ask(server: Server, path: str, key: str = "") -> tuple[int, list[str] | None]:
    status, _, body = server.request("GET", f"/test/{path}", headers={"X-API-Key": key} if key else {})
    return status, json.loads(body)["seen"] if status == 200 else None


def test_callers_of_two_organizations_take_turns_and_see_their_own(server, keys):
    for _ in range(5):
        for org_id, key in keys.items():
            assert ask(server, "device/sees", key) == (200, [org_id])
            assert ask(server, "nobody") == (200, [])
        assert ask(server, "everybody") == (200, sorted(keys))


@pytest.mark.parametrize(("trouble", "status"), TROUBLES.items())
def test_whatever_happens_to_one_the_next_sees_its_own(server, keys, trouble, status):
    (first, first_key), (second, second_key) = keys.items()
    for _ in range(2):
        assert ask(server, f"device/{trouble}", first_key) == (status, [first] if status == 200 else None)
        assert ask(server, "nobody") == (200, [])
        assert ask(server, f"device/{trouble}", first_key)[0] == status
        assert ask(server, "device/sees", second_key) == (200, [second])
        assert ask(server, "device/sees", first_key) == (200, [first])


def test_at_the_same_time_everybody_sees_their_own(server, keys):
    def caller(number: int) -> list[tuple[int, list[str] | None]]:
        org_id, key = list(keys.items())[number % 2]
        found = []
        for turn in range(12):
            if turn % 4 == number % 4:
                ask(server, f"device/{list(TROUBLES)[turn // 4]}", key)
            found.append((ask(server, "device/sees", key), (200, [org_id])))
            found.append((ask(server, "nobody"), (200, [])))
        return [seen for seen, expected in found if seen != expected]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(caller, range(4))) == [[], [], [], []]
    assert server.rows(
        "SELECT count(DISTINCT pid) FROM pg_stat_activity WHERE usename = 'visant_test' "
        "AND datname = current_database()"
    ) == [(1,)]
