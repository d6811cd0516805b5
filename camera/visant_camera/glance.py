"""A spool folder as seen from outside, while another process may be using it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from visant_camera.pictures import SUFFIXES
from visant_camera.records import SPOOL_FILE
from visant_camera.spool import KEPT, REFUSED


@dataclass(frozen=True)
class Aside:
    """A picture that was set aside: ``where`` is ``refused`` or ``kept``."""

    name: str
    where: str
    why: str


@dataclass(frozen=True)
class Glance:
    """``waiting`` pictures of ``bytes``, ``oldest`` by its file's name; those set aside, newest last."""

    waiting: int
    bytes: int
    oldest: str
    aside: tuple[Aside, ...]


def look_into(folder: Path) -> Glance:
    """Raises ``PermissionError``. A folder that is not there holds nothing."""
    if not folder.is_dir():
        return Glance(0, 0, "", ())
    names = sorted(path for path in folder.iterdir() if SPOOL_FILE.fullmatch(path.name))
    sidecars = [path for path in names if path.suffix == ".json"]
    size = sum(_size(path) for path in names if path.suffix in SUFFIXES.values())
    return Glance(len(sidecars), size, sidecars[0].stem if sidecars else "", tuple(_aside(folder)))


def _aside(folder: Path) -> list[Aside]:
    found = []
    for where in (REFUSED, KEPT):
        for path in sorted((folder / where).glob("*")):
            if path.suffix in SUFFIXES.values():
                found.append(Aside(path.name, where, _why(path.with_suffix(".reason.json"))))
    return sorted(found, key=lambda aside: aside.name)


def _why(reason: Path) -> str:
    try:
        return str(json.loads(reason.read_bytes())["why"])
    except (OSError, ValueError, KeyError, TypeError):
        return "unknown"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # sent meanwhile
        return 0
