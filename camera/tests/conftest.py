"""The world around the client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from builders import Cameras
from fake_server import FakeServer


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
