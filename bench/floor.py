"""The floor: what the durable file and the one INSERT cost alone, without HTTP, Django or any check.

One bare process: ``python bench/floor.py DATABASE_URL FOLDER DEVICE ORG THREADS SECONDS BYTES`` waits for a line
on stdin, works for SECONDS in THREADS threads, and prints how many pictures it stored.
"""

import hashlib
import os
import sys
import threading
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from uuid_utils import compat

# The policies of row-level security let this session write.
SEES_ALL = "-c visant.scope=*"
INSERT = """
INSERT INTO captures_capture (
  id, org_id, device_id, record_id, captured_at, received_at, storage_key, byte_size, sha256, thumbnail_key,
  content_type, width, height, trigger_label, trigger_id, metadata, hold, evaluation_status, evaluation_attempts,
  reason
) VALUES (
  %s, %s, %s, %s, %s, %s, %s, %s, %s, '', 'image/jpeg', 640, 480, '', '', '{}', false, 'completed', 0, ''
)
"""


def store(connection: psycopg.Connection, folder: Path, device: str, org: str, data: bytes, digest: str) -> None:
    pk = compat.uuid7()
    path = folder / f"{pk}.jpeg"
    draft = path.with_suffix(".part")
    with draft.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    now = datetime.now(UTC)
    values = (pk, org, device, str(pk), now, now, f"floor/{path.name}", len(data), digest)
    connection.execute(INSERT, values)


def work(url: str, folder: Path, device: str, org: str, data: bytes, until: float, counts: list[int]) -> None:
    digest = hashlib.sha256(data + uuid.uuid4().bytes).hexdigest()  # each thread's pictures are others
    count = 0
    with psycopg.connect(url, autocommit=True, prepare_threshold=1, options=SEES_ALL) as connection:
        while time.monotonic() < until:
            store(connection, folder, device, org, data, digest)
            count += 1
    counts.append(count)


def main() -> None:
    url, folder, device, org = sys.argv[1:5]
    threads, seconds, size = int(sys.argv[5]), float(sys.argv[6]), int(sys.argv[7])
    data = os.urandom(size)
    mine = Path(folder) / str(os.getpid())
    mine.mkdir(parents=True)
    print("ready", flush=True)
    sys.stdin.readline()
    until = time.monotonic() + seconds
    counts: list[int] = []
    workers = [
        threading.Thread(target=work, args=(url, mine, device, org, data, until, counts)) for _ in range(threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print(sum(counts), flush=True)


if __name__ == "__main__":
    main()
