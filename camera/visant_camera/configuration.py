"""What the server wants of this camera, as far as this program follows it."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from visant_camera.disk import write_durably
from visant_camera.schedule import Rule

log = logging.getLogger(__name__)

HEARTBEAT, POLL = 300, 300  # seconds, until the server says otherwise
SHORTEST, LONGEST = 10, 86_400


@dataclass(frozen=True)
class Schedule:
    id: str
    label: str
    rule: Rule


@dataclass(frozen=True)
class Configuration:
    """``given`` is what the server sent, without a key; the rest is read from it. Version 0: never got one."""

    given: Mapping[str, Any] = field(default_factory=dict)
    etag: str = ""
    version: int = 0
    heartbeat_seconds: int = HEARTBEAT
    poll_seconds: int = POLL
    max_width: Optional[int] = None
    quality: Optional[int] = None
    direct_upload: bool = False
    schedules: tuple[Schedule, ...] = ()

    @classmethod
    def of(cls, given: Mapping[str, Any], etag: str = "") -> Configuration:
        """Never raises for what is not understood: it is left out and said."""
        picture = given.get("picture")
        picture = picture if isinstance(picture, dict) else {}
        return cls(
            given={name: value for name, value in given.items() if name != "key"},
            etag=etag,
            version=_whole(given.get("version"), 0, least=0, most=2**53) or 0,
            heartbeat_seconds=_whole(given.get("heartbeat_seconds"), HEARTBEAT) or HEARTBEAT,
            poll_seconds=_whole(given.get("poll_seconds"), POLL) or POLL,
            max_width=_whole(picture.get("max_width"), None, least=16, most=65_535),
            quality=_whole(picture.get("quality"), None, least=1, most=100),
            direct_upload=given.get("direct_upload") is True,
            schedules=tuple(_schedules(given.get("schedules"))),
        )

    def followed(self, *, shrinks: bool) -> dict[str, Any]:
        """What to report: the same shape, as far as it is followed."""
        ours = {schedule.id for schedule in self.schedules}
        told = self.given.get("schedules")
        return {
            "version": self.version,
            "time_zone": self.given.get("time_zone", "UTC"),
            "heartbeat_seconds": self.heartbeat_seconds,
            "poll_seconds": self.poll_seconds,
            "picture": {
                "max_width": self.max_width if shrinks else None,
                "quality": self.quality if shrinks else None,
            },
            "schedules": [one for one in told or () if isinstance(one, dict) and str(one.get("id")) in ours],
        }


class ConfigurationFile:
    """The last configuration on the disk, so that schedules run after a restart without the server."""

    def __init__(self, state: Path) -> None:
        self._path = state / "configuration.json"

    def read(self) -> Configuration:
        try:
            kept = json.loads(self._path.read_bytes())
            return Configuration.of(kept["configuration"], str(kept["etag"]))
        except FileNotFoundError:
            return Configuration()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("the configuration of the last run cannot be read (%s)", error)
            return Configuration()

    def write(self, configuration: Configuration) -> None:
        """Raises ``OSError``."""
        kept = {"configuration": dict(configuration.given), "etag": configuration.etag}
        write_durably(self._path, json.dumps(kept, indent=1).encode(), mode=0o600)


def _schedules(told: Any) -> list[Schedule]:
    understood = []
    for entry in told if isinstance(told, list) else ():
        try:
            label = str(entry.get("label") or "schedule")
            understood.append(Schedule(str(entry["id"]), label, Rule.from_dict(entry)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            log.error("a schedule is not understood and not run here (%s): %s", error, str(entry)[:200])
    return understood


def _whole(value: Any, default: Optional[int], *, least: int = SHORTEST, most: int = LONGEST) -> Optional[int]:
    if not isinstance(value, int) or isinstance(value, bool):
        return default
    return min(max(value, least), most)
