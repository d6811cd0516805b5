"""How many cameras one process listens to, what each costs, and how soon a command is with its camera.

*Held*: one web process holds so many streams; resident memory per stream, and uploads' small sister (``GET
/v1/captures``) answered meanwhile. *Delivered*: streams of two processes; from the moment ``queue_command`` is
committed until the client has read the command; one at a time, and a burst to all. On PostgreSQL, as in
``bench/intake.py``, and on SQLite. Both ends of each connection are on this machine.

``python bench/streams.py [--held 5000] [--connected 500] [--commands 200]``.
"""

import argparse
import http.client
import json
import os
import platform
import resource
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.intake import database, free_port, manage, scratch, wait_until_ready, web_command  # noqa: E402

# Reads a camera's id or a list of them, queues a command for each, and answers with the moments of the commits.
FEED = """
import json, sys, time
from devices.models import Device
from devices.services.commands import queue_command
from orgs import scope
scope.enter_all("a bench queues commands")
print("ready", flush=True)
for line in sys.stdin:
    moments = []
    for pk in json.loads(line):
        device = Device.unscoped.get(pk=pk)
        queue_command(device=device, trigger_type="manual")
        moments.append(time.time())
    print(json.dumps(moments), flush=True)
"""


class Cameras:
    """Open streams, read by one thread; ``heard``: when each camera last read a command."""

    def __init__(self, port: int, cameras: list[tuple[str, str]]) -> None:
        self.heard: dict[str, float] = {}
        self.connected = 0
        self.lost = 0
        self._selector = selectors.DefaultSelector()
        self._port = port
        self._over = False
        self._sockets: list[socket.socket] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        for number, (camera, key) in enumerate(cameras):
            self._open(camera, key)
            while number - self.connected > 50:  # no more at once than threads of requests bear
                time.sleep(0.01)
        until = time.monotonic() + 60
        while self.connected < len(cameras) and time.monotonic() < until:
            time.sleep(0.05)

    def _open(self, camera: str, key: str) -> None:
        connection = socket.create_connection(("127.0.0.1", self._port), timeout=60)
        head = f"GET /v1/devices/{camera}/commands HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\n\r\n"
        connection.sendall(head.encode())
        connection.setblocking(False)
        self._sockets.append(connection)
        self._selector.register(connection, selectors.EVENT_READ, camera)

    def _read(self) -> None:
        while not self._over:
            if not self._selector.get_map():
                time.sleep(0.01)
                continue
            for key, _ in self._selector.select(0.2):
                data = key.fileobj.recv(65536)
                if not data:
                    self._selector.unregister(key.fileobj)
                    self.lost += 1
                if b'"cmd"' in data:
                    self.heard[key.data] = time.time()
                if b'"connected"' in data:
                    self.connected += 1

    def close(self) -> None:
        self._over = True
        self._reader.join()
        for connection in self._sockets:
            connection.close()


@contextmanager
def serving(environment: dict[str, str], processes: int) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    environment = environment | {"PORT": str(free_port()), "WEB_PROCESSES": str(processes)}
    process = subprocess.Popen(web_command(environment), cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_until_ready(int(environment["PORT"]))
        yield int(environment["PORT"]), process
    finally:
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        print(f"    ended {time.monotonic() - began:.1f} s after SIGTERM", flush=True)


@contextmanager
def feeding(environment: dict[str, str]) -> Iterator[Callable[[list[str]], list[float]]]:
    """Yield a function that queues a command for each of some cameras and returns when each was committed."""
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-v0", "-c", FEED]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=environment, **pipes) as process:
        process.stdout.readline()

        def feed(cameras: list[str]) -> list[float]:
            process.stdin.write(json.dumps(cameras) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield feed
        process.stdin.close()


def resident_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def spread(seconds: list[float]) -> str:
    if not seconds:
        return "none"
    cuts = statistics.quantiles(seconds, n=100)
    return f"p50 {cuts[49] * 1000:.1f} ms, p95 {cuts[94] * 1000:.1f} ms, worst {max(seconds) * 1000:.1f} ms"


def answer_times(port: int, key: str, requests: int) -> list[float]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    times = []
    for _ in range(requests):
        began = time.perf_counter()
        connection.request("GET", "/v1/captures", headers={"X-API-Key": key})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        times.append(time.perf_counter() - began)
        time.sleep(0.01)
    return times


def measure_held(environment: dict[str, str], cameras: list[tuple[str, str]]) -> None:
    with serving(environment, 1) as (port, process):
        answer_times(port, cameras[0][1], 50)
        before = resident_kb(process.pid)
        print(f"    requests before: {spread(answer_times(port, cameras[0][1], 200))}", flush=True)
        began = time.monotonic()
        listening = Cameras(port, cameras)
        took = time.monotonic() - began
        each = (resident_kb(process.pid) - before) / max(1, listening.connected)
        print(f"    {listening.connected} streams held, {each:.1f} KB each ({took:.0f} s to connect)", flush=True)
        print(f"    requests meanwhile: {spread(answer_times(port, cameras[0][1], 200))}", flush=True)
        time.sleep(30)  # longer than between two signs of life
        threads = len(list(Path(f"/proc/{process.pid}/task").iterdir()))
        print(f"    half a minute later: {threads} threads, {listening.lost} streams lost", flush=True)
    listening.close()


def measure_delivery(environment: dict[str, str], cameras: list[tuple[str, str]], commands: int) -> None:
    with serving(environment, 2) as (port, _), feeding(environment) as feed:
        listening = Cameras(port, cameras)
        late = []
        for number in range(commands):
            camera = cameras[number % len(cameras)][0]
            [committed] = feed([camera])
            late += wait_for(listening, {camera: committed})
            time.sleep(0.02)
        print(f"    {listening.connected} connected, one command at a time: {spread(late)}", flush=True)
        names = [camera for camera, _ in cameras]
        moments = dict(zip(names, feed(names), strict=True))
        print(f"    a command to each of them in a row: {spread(wait_for(listening, moments))}", flush=True)
        listening.close()


def wait_for(listening: Cameras, committed: dict[str, float]) -> list[float]:
    """Return how long after its commit each camera has read its command. Who has not within 20 s is counted."""
    until = time.monotonic() + 20
    missing = dict(committed)
    late = []
    while missing and time.monotonic() < until:
        for camera in [camera for camera in missing if listening.heard.get(camera, 0) > missing[camera] - 0.5]:
            late.append(max(0.0, listening.heard.pop(camera) - missing.pop(camera)))
        time.sleep(0.001)
    if missing:
        print(f"    not delivered within 20 s: {len(missing)}", flush=True)
    return late


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--held", type=int, default=5000)
    parser.add_argument("--connected", type=int, default=500)
    parser.add_argument("--commands", type=int, default=200)
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # this end of the streams; the server does so itself
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with scratch() as folder:
        with database(folder) as url:
            run("PostgreSQL", url, folder, options, held=options.held)
        run("SQLite", f"sqlite:///{folder / 'visant.sqlite3'}", folder, options, held=0)


def run(name: str, url: str, folder: Path, options: argparse.Namespace, *, held: int) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VISANT_")}
    environment |= {"VISANT_VAR": str(folder / "var"), "DATABASE_URL": url}
    manage(environment, "migrate", "-v0")
    org = json.loads(manage(environment, "create_organization", "--name=B", "--owner=b@example.org", "--json"))
    many = f"--count={max(held, options.connected)}"
    printed = manage(environment, "add_device", f"--org={org['slug']}", "--name=camera", many, "--json")
    cameras = [(camera["id"], camera["key"]) for camera in map(json.loads, printed.splitlines())]
    print(name, flush=True)
    measure_delivery(environment, cameras[: options.connected], options.commands)
    if held:
        measure_held(environment, cameras)


if __name__ == "__main__":
    main()
