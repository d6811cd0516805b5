"""Builders: pictures, folders and real client processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, Optional

from fake_server import KEY, FakeServer
from visant_camera.pictures import Picture, utc_now

ROOT = Path(__file__).resolve().parent.parent


def make_picture(text: str = "picture", *, size: int = 0) -> Picture:
    """A thing with a JPEG signature; the client never looks further."""
    return Picture(b"\xff\xd8\xff" + text.encode().ljust(size, b"."), "image/jpeg", utc_now(), {"file": text})


def make_folder(path: Path, *, pictures: int) -> Path:
    path.mkdir()
    for number in range(pictures):
        (path / f"{number:03}.jpg").write_bytes(make_picture(str(number)).data)
    return path


def wait_until(true: Callable[[], bool], *, seconds: float = 8.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


class Cameras:
    """Starts real client processes and ends what is left of them."""

    def __init__(self, server: FakeServer, spool: Path) -> None:
        self._server = server
        self.spool = spool
        self._processes: list[subprocess.Popen[str]] = []

    def start(
        self,
        *options: str,
        key: Optional[str] = KEY,
        env: Optional[dict[str, str]] = None,
        code: Optional[str] = None,
    ) -> subprocess.Popen[str]:
        """``code``: Python that shortens waits and calls the command itself."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("VISANT_CAMERA_")}
        clean.update({"PYTHONPATH": str(ROOT), "VISANT_CAMERA_URL": self._server.url})
        clean["VISANT_CAMERA_SPOOL"] = str(self.spool)
        # Nobody's own config file has a say in a test.
        clean["XDG_CONFIG_HOME"] = str(self.spool.parent / "etc")
        if key is not None:
            clean["VISANT_CAMERA_KEY"] = key
        process = subprocess.Popen(
            [sys.executable, *(["-c", code] if code else ["-m", "visant_camera"]), *options],
            env={**clean, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._processes.append(process)
        return process

    def run(
        self, *options: str, key: Optional[str] = KEY, env: Optional[dict[str, str]] = None
    ) -> tuple[int, str]:
        """Exit code and everything it said."""
        process = self.start(*options, key=key, env=env)
        said, _ = process.communicate(timeout=20)
        return process.returncode, said

    def end(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.communicate()


def waiting(spool: Path) -> set[str]:
    """The record ids that a spool folder holds, as anyone can see it from outside."""
    return {path.stem for path in spool.glob("2*.json")}
