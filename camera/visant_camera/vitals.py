"""How this camera is: what a heartbeat tells."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Optional, Union

from visant_camera import __version__
from visant_camera.clock import Clock
from visant_camera.spool import Spool

THERMAL = Path("/sys/class/thermal/thermal_zone0/temp")  # of a Raspberry Pi and most boards: thousandths of °C


class Vitals:
    def __init__(self, spool: Spool, clock: Clock, *, thermal: Path = THERMAL) -> None:
        self._spool = spool
        self._clock = clock
        self._thermal = thermal
        self._begun = time.monotonic()

    def read(self) -> dict[str, Union[str, int, float]]:
        """What is known; what is not is left out."""
        vitals: dict[str, Union[str, int, float, None]] = {
            "version": __version__,
            "spool_count": len(self._spool),
            "spool_bytes": self._spool.used,
            "dropped_count": self._spool.dropped,
            "free_bytes": self._free_bytes(),
            "clock_offset_seconds": self._clock.offset,
            "temperature_c": self._temperature(),
            "uptime_seconds": int(time.monotonic() - self._begun),
        }
        return {name: value for name, value in vitals.items() if value is not None}

    def _free_bytes(self) -> Optional[int]:
        try:
            return shutil.disk_usage(os.fspath(self._spool.folder)).free
        except OSError:
            return None

    def _temperature(self) -> Optional[float]:
        try:
            return round(int(self._thermal.read_text()) / 1000, 1)
        except (OSError, ValueError):
            return None
