"""Which camera this is for the server."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any
from urllib.parse import quote

from visant_camera.disk import write_durably

log = logging.getLogger(__name__)


class Identity:
    """The camera's id: as configured, else as receipts told it. "" until one is known."""

    def __init__(self, state: Path, *, given: str = "") -> None:
        self._path = state / "device"
        self.device_id = given or self._kept()

    def learn(self, device_id: Any) -> None:
        """From a receipt, which names the camera that the key belongs to."""
        if not isinstance(device_id, str) or not 0 < len(device_id) <= 100 or device_id == self.device_id:
            return
        self.device_id = device_id
        try:
            write_durably(self._path, device_id.encode())
        except OSError as error:
            log.warning("the camera's id cannot be kept: %s", error)

    @property
    def path(self) -> str:
        """Where the server speaks about this camera."""
        return f"/v1/devices/{quote(self.device_id, safe='')}"

    def _kept(self) -> str:
        try:
            return self._path.read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return ""
