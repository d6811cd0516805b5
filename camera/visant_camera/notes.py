"""What ``status`` shows of a client that is running (or has ended): a small file beside the pictures."""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path
from typing import Any

from visant_camera.clock import Clock
from visant_camera.disk import write_durably
from visant_camera.identity import Identity
from visant_camera.listener import Listener
from visant_camera.office import Office
from visant_camera.pictures import utc_now
from visant_camera.spool import Spool

log = logging.getLogger(__name__)

EVERY = 60.0  # seconds; memory cards wear out


class Notes:
    def __init__(self, spool: Spool, clock: Clock, identity: Identity, office: Office, listener: Listener) -> None:
        self._spool, self._clock, self._identity = spool, clock, identity
        self._office, self._listener = office, listener
        self._due_at = 0.0
        self._last: tuple[Any, ...] = ()

    def write(self, *, at_once: bool = False) -> None:
        """Once a minute, and when the way to the server opened or closed."""
        news = (self._listener.up, self._office.trouble, self._clock.is_wrong, self._clock.heard_at is None)
        if not at_once and news == self._last and time.monotonic() < self._due_at:
            return
        self._last, self._due_at = news, time.monotonic() + EVERY
        heard = self._clock.heard_at
        note = {
            "written_at": utc_now().isoformat(timespec="seconds"),
            "pid": os.getpid(),
            "device": self._identity.device_id,
            "last_contact_at": heard.isoformat(timespec="seconds") if heard else None,
            "listening": self._listener.up and not at_once,
            "trouble": self._office.trouble or self._listener.trouble,
            "clock_offset_seconds": self._clock.offset,
            "configuration_version": self._office.configuration.version,
            "schedules": len(self._office.configuration.schedules),
            "dropped": self._spool.dropped,
        }
        try:
            write_durably(self._spool.state / "status.json", json.dumps(note, indent=1).encode())
        except OSError as error:
            log.debug("the status cannot be written: %s", error)


def read_notes(folder: Path) -> dict[str, Any]:
    """What the last run wrote, {} when there is nothing. Raises ``PermissionError``."""
    try:
        note = json.loads((folder / "state" / "status.json").read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}
