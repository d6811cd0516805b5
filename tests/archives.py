"""Archives as the single-tenant Visant wrote them: ``YYYY/MM/DD/<record id>.json`` and pictures beside it."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.builders import make_jpeg

START = datetime(2025, 10, 20, 7, 0, tzinfo=UTC)
STATES = ("normal", "abnormal", "uncertain")
TEXTS = {"normal_a.txt": "An empty hallway, both doors closed.", "normal_b.txt": "A cleaning cart is normal, too."}


class Archive:
    """An archive in ``root`` and its configuration in ``config``; ``add`` writes one capture as it was written."""

    def __init__(self, folder: Path) -> None:
        self.root, self.config = folder / "lake", folder / "config"
        self.root.mkdir(parents=True)
        (self.config / "normal_descriptions").mkdir(parents=True)
        for name, text in TEXTS.items():
            (self.config / "normal_descriptions" / name).write_text(text)

    def add(
        self,
        number: int = 0,
        *,
        device: Any = "Lobby Cam #2",
        picture: bytes | None = b"made",
        thumbnail: bytes | None = b"made",
        record_id: str = "",
        **fields: Any,
    ) -> Path:
        """Write the capture of that number, and return its record. None: not stored, and the record says so."""
        at = START + timedelta(hours=5 * number)
        slug = re.sub(r"[^a-z0-9]+", "-", str(device).lower())[:40].strip("-")
        record_id = record_id or f"{slug}_{at:%Y%m%dT%H%M%S%fZ}_{number:08x}"
        day = self.root / f"{at:%Y/%m/%d}"
        day.mkdir(parents=True, exist_ok=True)
        state = STATES[number % 3]
        record = {
            "record_id": record_id,
            "captured_at": at.isoformat(),
            "ingested_at": (at + timedelta(seconds=1)).isoformat(),
            "metadata": {"device_id": device, "trigger_label": "recurring-30s", "number": number},
            "classification": {"state": state, "score": 0.25, "reason": f"It is {state}."},
            "normal_description_file": sorted(TEXTS)[number % 2],
            "image_stored": picture is not None,
            "image_filename": f"{record_id}.jpeg" if picture is not None else None,
            "thumbnail_stored": thumbnail is not None,
            "thumbnail_filename": f"{record_id}_thumb.jpeg" if thumbnail is not None else None,
            **fields,
        }
        for name, data, seed in (("", picture, number), ("_thumb", thumbnail, number + 1000)):
            if data is not None:
                (day / f"{record_id}{name}.jpeg").write_bytes(make_jpeg(seed) if data == b"made" else data)
        path = day / f"{record_id}.json"
        path.write_text(json.dumps(record, indent=2), encoding="utf-8")
        return path

    def fill(self, count: int, devices: tuple[str, ...] = ("Lobby Cam #2", "floor-01-cam")) -> None:
        for number in range(count):
            self.add(number, device=devices[number % len(devices)])

    def files(self) -> Iterator[Path]:
        return (path for path in self.root.rglob("*") if not path.is_dir() or path.is_symlink())
