"""How fast an archive of a million pictures is foreseen and pruned, and how much memory that takes.

One organization, 20 cameras, a picture a minute; rows are made by the database, files only as many as are said.
``python bench/prune.py [--sqlite] [--pictures 1000000] [--files 20000]``; PostgreSQL as in ``bench/intake.py``.
``--s3 500``: only how fast the files of so many pictures go from an S3 on this machine, each with a request of its
own and a thousand with one, in turn.
"""

import argparse
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.intake import database, django_on, scratch  # noqa: E402
from tests.s3 import S3Server  # noqa: E402

CAMERAS = 20
SIZE = 60_000
AT_ONCE = 5000
THREADS = 8
ROUNDS = 3
FILL = """
INSERT INTO captures_capture (id, org_id, device_id, record_id, captured_at, received_at, storage_key, byte_size,
  sha256, thumbnail_key, content_type, width, height, trigger_label, trigger_id, metadata, hold, evaluation_status,
  evaluation_attempts, reason, verdict, not_judged)
SELECT gen_random_uuid(), %s, %s, n, %s - n * interval '1 minute', %s - n * interval '1 minute', %s || '/' || n,
  %s, lpad(n::text, 64, '0'), '', 'image/jpeg', 640, 480, '', '', '{}', n %% 1000 = 0, 'completed', 1, '',
  'normal', ''
FROM generate_series(1, %s) AS n
"""
JUDGED = """
INSERT INTO captures_evaluation (id, org_id, capture_id, attempt, provider, model, verdict, score, reason, boxes,
  details, error, at, latency_ms, tokens_in, tokens_out, node_type, region, cost)
SELECT gen_random_uuid(), org_id, id, 1, 'scene', '1', 'normal', 0, '', '[]', '{}', '', captured_at, 16, 0, 0, '',
  '', 0 FROM captures_capture
"""


def timed(label: str, call: Callable[[], Any], *, pictures: int | None = None) -> Any:
    """Print how long it took, by the pictures of the result or those that are given, and return the result."""
    before, began = _memory(), time.perf_counter()
    result = call()
    seconds = time.perf_counter() - began
    count = result.pictures if pictures is None else pictures
    more = _memory() - before
    print(f"| {label} | {count:,} | {seconds:.1f} | {count / seconds:,.0f} | {more:.0f} |", flush=True)
    return result


def _memory() -> float:
    """The most resident memory so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def fill(pictures: int) -> tuple[Any, Any]:
    from django.db import connection
    from django.utils import timezone

    from devices.services.devices import register_device
    from orgs.services.organizations import create_organization

    now, count = timezone.now(), pictures // CAMERAS
    org = create_organization(name="B", owner_email="b@example.org", owner_password=None)
    devices = [register_device(org=org, name=f"camera {number}", acting_user=None) for number in range(CAMERAS)]
    with connection.cursor() as cursor:
        for device in devices:
            if connection.vendor == "sqlite":
                fill_by_hand(device, now, count)
                continue
            key = f"{org.pk}/devices/{device.pk}/captures"
            cursor.execute(FILL, [org.pk, device.pk, now, now, key, SIZE, count])
        if connection.vendor == "postgresql":
            cursor.execute(JUDGED)
        cursor.execute("ANALYZE")
    return org, now


def fill_by_hand(device: Any, now: datetime, count: int) -> None:
    """The same rows on SQLite, which has no series and no ids of its own."""
    from captures.models import Capture, Evaluation
    from captures.retention.tests.builders import make_rows

    for start in range(1, count + 1, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, count + 1))
        rows = make_rows(device, [now - timedelta(minutes=number) for number in numbers], byte_size=SIZE)
        held = [row.pk for row, number in zip(rows, numbers, strict=True) if number % 1000 == 0]
        Capture.unscoped.filter(pk__in=held).update(hold=True)
        judged = {"attempt": 1, "provider": "scene", "model": "1", "verdict": "normal"}
        Evaluation.unscoped.bulk_create(
            [Evaluation(org_id=device.org_id, capture=row, at=row.captured_at, **judged) for row in rows]
        )


def write_files(count: int) -> None:
    """Files of the oldest pictures, so that their removal is a part of it."""
    from django.conf import settings

    from captures.models import Capture

    keys = Capture.unscoped.order_by("captured_at").values_list("storage_key", flat=True)[:count]
    data = b"x" * SIZE
    for key in keys:
        path = Path(settings.MEDIA_ROOT) / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def run(options: argparse.Namespace) -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)

    from captures.models import Capture
    from captures.retention.preview import preview
    from captures.retention.pruning import prune
    from captures.retention.rules import Rule
    from orgs import scope

    with scope.across_organizations("a benchmark"):
        org, now = fill(options.pictures)
        write_files(options.files)
        days = options.pictures // CAMERAS // 1440
        print("| what | pictures | seconds | a second | more memory, MB |\n| --- | --- | --- | --- | --- |")
        nothing = {None: Rule(days=days + 2)}
        timed(
            "foreseeing that nothing goes", lambda: preview(org, at=now, rules=nothing), pictures=options.pictures
        )
        by_days = {None: Rule(days=max(1, days // 10))}
        timed("foreseeing by days", lambda: preview(org, at=now, rules=by_days))
        thinned = {None: Rule(all_days=2, hourly_days=20)}
        foreseen = timed("foreseeing by thinning", lambda: preview(org, at=now, rules=thinned))
        org.retention_policies.create(all_days=2, hourly_days=20)
        done = timed("pruning by thinning", lambda: prune(org, at=now))
        if done != foreseen:
            raise SystemExit(f"Foreseen was {foreseen}, and done {done}.")
        timed("the night after", lambda: prune(org, at=now), pictures=Capture.unscoped.count())
        org.retention_policies.update(days=max(1, days // 10))
        timed("pruning the rest by days", lambda: prune(org, at=now))


def remove_from_s3(pictures: int) -> None:
    """A picture and its thumbnail are there, what is made for outsiders is not."""
    from django.core.files.base import ContentFile
    from django.core.files.storage import default_storage

    from captures.storage import derived_keys, thumbnail_key

    storage: Any = default_storage
    storage.client.create_bucket(Bucket=storage.bucket_name)
    there = [key for number in range(pictures) for key in (f"{number}.jpeg", thumbnail_key(f"{number}.jpeg"))]
    keys = there + [key for number in range(pictures) for key in derived_keys(f"{number}.jpeg")]

    def one_by_one() -> None:
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(storage.delete, keys))

    def seconds(remove: Callable[[], object]) -> float:
        for key in there:
            storage.save(key, ContentFile(b"x"))
        began = time.perf_counter()
        remove()
        taken = time.perf_counter() - began
        if list(storage.list_files()):
            raise SystemExit("Something is left.")
        return taken

    print("| requests for | pictures | seconds | pictures a second |\n| --- | --- | --- | --- |")
    found: dict[str, list[float]] = {"each file": [], "a thousand files": []}
    for _ in range(ROUNDS):
        found["each file"].append(seconds(one_by_one))
        found["a thousand files"].append(seconds(lambda: storage.delete_many(keys)))
    for label, taken in found.items():
        middle = statistics.median(taken)
        print(f"| {label} | {pictures:,} | {middle:.2f} | {pictures / middle:,.0f} |")


@contextmanager
def sqlite(folder: Path) -> Iterator[str]:
    yield f"sqlite:///{folder / 'bench.sqlite3'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sqlite", action="store_true")
    parser.add_argument("--pictures", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--s3", type=int, metavar="PICTURES")
    options = parser.parse_args()
    if options.s3:
        with scratch() as folder, S3Server() as s3, django_on("sqlite://:memory:", folder, **s3.environment):
            remove_from_s3(options.s3)
        return
    new_database = sqlite if options.sqlite else database
    with (
        scratch() as folder,
        new_database(folder) as url,
        django_on(url, folder, VISANT_LOG_LEVEL="ERROR"),
    ):
        run(options)


if __name__ == "__main__":
    main()
