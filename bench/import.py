"""How fast an archive is brought in: ``python bench/import.py [--count N] [--database-url URL]``.

Beside it, in the same run, the floor: the same files copied durably by as many threads, and nothing else.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.pictures import make_jpeg  # noqa: E402

THREADS = 16
START = datetime(2025, 10, 20, tzinfo=UTC)


def write_archive(root: Path, count: int, size: int) -> None:
    """Write ``count`` captures of 60 KB, with their thumbnails."""
    picture, thumbnail = make_jpeg(640, 480, size), make_jpeg(400, 300, 12_000)
    for number in range(count):
        at = START + timedelta(seconds=30 * number)
        day = root / f"{at:%Y/%m/%d}"
        day.mkdir(parents=True, exist_ok=True)
        name = f"bench_{at:%Y%m%dT%H%M%S}_{number:08x}"
        # What stands behind the end of a JPEG is not looked at, and makes each another one.
        data = picture + number.to_bytes(8, "big")
        (day / f"{name}.jpeg").write_bytes(data)
        (day / f"{name}_thumb.jpeg").write_bytes(thumbnail)
        record = {
            "record_id": name,
            "captured_at": at.isoformat(),
            "ingested_at": at.isoformat(),
            "metadata": {"device_id": f"camera {number % 10}", "trigger_label": "recurring-30s"},
            "classification": {"state": "normal", "score": 0.1, "reason": "As always."},
            "image_stored": True,
            "thumbnail_stored": True,
        }
        (day / f"{name}.json").write_text(json.dumps(record))


def copy_durably(path: Path, to: Path) -> None:
    draft = to / f"{path.name}.part"
    with draft.open("xb") as file:
        file.write(path.read_bytes())
        file.flush()
        os.fsync(file.fileno())
    draft.rename(to / path.name)
    descriptor = os.open(to, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


class Cost(NamedTuple):
    """Seconds of the clock, and of the processor."""

    wall: float
    cpu: float


def floor(root: Path, to: Path) -> Cost:
    """To copy all pictures and thumbnails."""
    to.mkdir()
    began, before = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(lambda path: copy_durably(path, to), root.rglob("*.jpeg")))
    return Cost(time.perf_counter() - began, time.process_time() - before)


def bring_in(root: Path, environment: dict[str, str], *options: str) -> tuple[Cost, str]:
    command = [sys.executable, "manage.py", "import_datalake", str(root), "--org", "bench", *options]
    before, began = os.times(), time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    wall, after = time.perf_counter() - began, os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(wall, spent), done.stdout


def measure(folder: Path, count: int, size: int, database_url: str) -> dict[str, Cost]:
    """What each way costs, less the start of the process, which an empty archive shows."""
    root, nothing = folder / "lake", folder / "nothing"
    nothing.mkdir()
    write_archive(root, count, size)
    environment = {**os.environ, "VISANT_VAR": f"{folder}/var", "DATABASE_URL": database_url}
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
    start, _ = bring_in(nothing, environment, "--owner", "o@example.org")
    bare = floor(root, folder / "copies")
    first, printed = bring_in(root, environment, "--sample", "0")
    assert f"{3 * count} files in the source: {3 * count} imported" in printed, printed
    again, _ = bring_in(root, environment, "--sample", "0")
    whole, _ = bring_in(root, environment)
    costs = {"brought in": first, "run again": again, "run again, and all read again": whole}
    less = {name: Cost(cost.wall - start.wall, cost.cpu - start.cpu) for name, cost in costs.items()}
    return {"copied durably (floor)": bare, **less}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--size", type=int, default=60_000)
    parser.add_argument("--database-url", default="", help="else SQLite")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="visant-bench-") as folder:
        for name, cost in measure(Path(folder), given.count, given.size, given.database_url).items():
            print(f"| {name} | {given.count / cost.wall:,.0f} | {1000 * cost.cpu / given.count:.1f} |")


if __name__ == "__main__":
    main()
