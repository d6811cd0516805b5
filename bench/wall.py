"""What row-level security costs: the same statements with the second wall and without it, in turn, in one run.

With: policies on, and each request tells its connection whose rows it may show. Without: neither.
``python bench/wall.py [--rounds 7] [--pictures 20000]``; PostgreSQL as in ``bench/intake.py``.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.intake import database, django_on, scratch  # noqa: E402

REQUESTS = 400
FILL = """
INSERT INTO captures_capture (id, org_id, device_id, record_id, captured_at, received_at, storage_key, byte_size,
  sha256, thumbnail_key, content_type, width, height, trigger_label, trigger_id, metadata, hold, evaluation_status,
  evaluation_attempts, reason)
SELECT gen_random_uuid(), %s, %s, n, now() - n * interval '1 minute', now(), %s || '/' || n, 1, n, '',
  'image/jpeg', 1, 1, '', '', '{}', false, 'skipped', 0, ''
FROM generate_series(1, %s) AS n
"""


def measure(call: Callable[[], object]) -> float:
    """Microseconds a request takes, the middle of many."""
    times = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e6


@contextmanager
def without_the_wall(tables: list[str]) -> Iterator[None]:
    from django.db import connection

    from orgs.postgresql.base import DatabaseWrapper

    def switch(word: str) -> None:
        with connection.cursor() as cursor:
            for table in tables:
                cursor.execute(f"ALTER TABLE {table} {word} ROW LEVEL SECURITY")

    tell = DatabaseWrapper._tell_scope
    switch("DISABLE")
    DatabaseWrapper._tell_scope = lambda wrapper: None
    try:
        yield
    finally:
        DatabaseWrapper._tell_scope = tell
        switch("ENABLE")


def requests_of(pictures: int) -> dict[str, Callable[[], object]]:
    """Fill two organizations, and return what is measured by name."""
    from django.db import connection
    from django.utils import timezone

    from captures.models import Capture
    from captures.services import _insert_unless_there
    from devices.services.devices import add_device
    from devices.services.keys import authenticate_device
    from orgs import scope
    from orgs.ids import uuid7
    from orgs.services.organizations import create_organization

    with scope.across_organizations("a benchmark"):
        made = []
        for name in ("A", "B"):
            org = create_organization(name=name, owner_email=f"{name}@example.org", owner_password=None)
            device, key = add_device(org=org, name="camera", acting_user=None)
            made.append((org, device, key))
            with connection.cursor() as cursor:
                cursor.execute(FILL, [org.pk, device.pk, str(device.pk), pictures])
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    org, device, key = made[0]

    def timeline() -> None:
        with scope.nothing():
            scope.enter(org.pk)
            list(org.captures.newest_first()[:24])

    def upload() -> None:
        with scope.nothing():
            found = authenticate_device(text=key, ip=None)
            pk = uuid7()
            row: dict[str, Any] = {"record_id": str(pk), "storage_key": str(pk), "sha256": pk.hex}
            row |= {"captured_at": timezone.now(), "byte_size": 1, "width": 1, "height": 1}
            _insert_unless_there(Capture(pk=pk, org_id=found.org_id, device=found.device, **row))

    return {"timeline of 24": timeline, "key and row of an upload": upload}


def run(rounds: int, pictures: int) -> None:
    from django.apps import apps
    from django.core.management import call_command

    from orgs.tenancy import TenantModel

    call_command("migrate", verbosity=0)
    calls = requests_of(pictures)
    tables = [model._meta.db_table for model in apps.get_models() if issubclass(model, TenantModel)]
    print(f"{'':>26}   with µs  without µs  ratio   (medians of {rounds} rounds of {REQUESTS})")
    for name, call in calls.items():
        walled, bare = [], []
        for _ in range(rounds):
            walled.append(measure(call))
            with without_the_wall(tables):
                bare.append(measure(call))
        ratio = statistics.median(one / other for one, other in zip(walled, bare, strict=True))
        middles = f"{statistics.median(walled):>9.0f} {statistics.median(bare):>11.0f}"
        print(f"{name:>26} {middles} {ratio:>6.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--pictures", type=int, default=20_000, help="of each of the two organizations")
    options = parser.parse_args()
    with scratch() as folder, database(folder) as url, django_on(url, folder):
        run(options.rounds, options.pictures)


if __name__ == "__main__":
    main()
