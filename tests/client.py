"""The device client as it runs in the field: a real process, a folder of pictures, a spool, and a bad line."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from tests.builders import make_jpeg
from tests.server import BASE_DIR, HOST, Camera

END_SECONDS = 40


class Client:
    """``visant-camera run`` on 40 small pictures; it may be killed and started again as often as one likes.

    It ends only what it started. ``ends`` counts how often it was killed or told to end.
    """

    def __init__(self, folder: Path, url: str, camera: Camera, *, interval: float = 0.2) -> None:
        self.folder, self.spool, self.log = folder, folder / "spool", folder / "client.log"
        self.ends = 0
        self._process: subprocess.Popen[bytes] | None = None
        pictures = folder / "pictures"
        pictures.mkdir(parents=True)
        for seed in range(40):
            (pictures / f"{seed:03}.jpg").write_bytes(make_jpeg(seed))
        self._command = [sys.executable, "-m", "visant_camera", "run", "-v", "--source", str(pictures)]
        self._command += ["--url", url, "--spool", str(self.spool), "--interval", str(interval)]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("VISANT_CAMERA_")}
        self._environment = {**clean, "VISANT_CAMERA_KEY": camera.key, "VISANT_CAMERA_DEVICE": camera.id}
        self._environment["VISANT_CAMERA_CONFIG"] = os.devnull

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=BASE_DIR, env=self._environment, stdout=log, stderr=log
            )

    def kill(self) -> None:
        """As a power cut: SIGKILL, wherever it is."""
        assert self._process is not None
        assert self._process.poll() is None, self.said()[-3000:]
        self._process.kill()
        self._process.wait()
        self._process = None
        self.ends += 1

    def finish(self) -> None:
        """End it as a person would, take one picture more, and send all that is left."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(END_SECONDS)
            self._process = None
            self.ends += 1
        with self.log.open("ab") as log:
            last = subprocess.run(
                [*self._command, "--count", "1"],
                cwd=BASE_DIR,
                env=self._environment,
                stdout=log,
                stderr=log,
                timeout=END_SECONDS,
                check=False,
            )
        assert last.returncode == 0, self.said()[-3000:]

    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def taken(self) -> set[str]:
        """The record ids of what it says it has taken: all of that was in its spool before."""
        return set(re.findall(r" took (\S+) \(", self.said()))

    def waiting(self) -> set[str]:
        """What lies in the spool, or was set aside."""
        found = set()
        for path in self.spool.glob("**/2*.json"):
            with contextlib.suppress(FileNotFoundError):  # sent meanwhile
                found.add(json.loads(path.read_bytes())["record_id"])
        return found

    def is_listening(self) -> bool:
        lines = [line for line in self.said().splitlines() if "listening for commands" in line]
        return bool(lines) and "not listening" not in lines[-1]


class Line:
    """A line to the server that can be cut: ``with Line(port) as line``, and the client uses ``line.url``.

    ``swallow``: what is sent gets nowhere, and nobody says so, as behind a firewall. ``refuse``: nobody is there.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._open = threading.Event()
        self._ends: set[socket.socket] = set()
        self._listening: socket.socket | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._port}"

    def __enter__(self) -> "Line":
        self.restore()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.refuse()

    def restore(self) -> None:
        self._open.set()
        if self._listening is None:
            self._listening = socket.create_server((HOST, self._port))
            self._port = self._listening.getsockname()[1]
            threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def swallow(self) -> None:
        self._open.clear()

    def refuse(self) -> None:
        if self._listening is not None:
            # Closing alone would not wake the thread that waits in it.
            with contextlib.suppress(OSError):
                self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
            self._listening = None
        for end in list(self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listening.accept()
                self._ends.add(near)
                threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection((HOST, self._target))
        except OSError:
            near.close()
            return
        self._ends.add(far)
        threading.Thread(target=self._pass_on, args=(near, far), daemon=True).start()
        self._pass_on(far, near)

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not self._open.is_set():
                    break  # lost; and nothing more comes through here, although it stays open
                target.sendall(data)
            else:
                target.shutdown(socket.SHUT_WR)


def wait_until(claim: Callable[[], object], *, seconds: float, otherwise: Callable[[], str]) -> None:
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.1)
