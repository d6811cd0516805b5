"""The world around the client."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from builders import Cameras
from fake_server import FakeServer


@pytest.fixture(autouse=True, scope="session")
def ctrl_c() -> Iterator[None]:
    """A shell may start its jobs with SIGINT ignored, and then those whom they start would ignore it, too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    server = FakeServer()
    yield server
    server.stop()


@pytest.fixture
def cameras(server: FakeServer, tmp_path: Path) -> Iterator[Cameras]:
    cameras = Cameras(server, tmp_path / "spool")
    yield cameras
    cameras.end()
