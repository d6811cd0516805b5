"""How long a typical schema change on many captures keeps others waiting.

``python bench/migrations.py [--captures 1000000]``; PostgreSQL as in ``bench/intake.py``. Each change is applied
as ``manage.py migrate`` would, while three others work: a writer that adds pictures, a reader of the timeline, and
one that looks every few milliseconds who holds which lock on the table. Told are the longest a lock was held that
makes readers or writers wait, and the longest a reader and a writer waited.
"""

import argparse
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.intake import database, django_on, scratch  # noqa: E402
from bench.wall import FILL  # noqa: E402

TABLE = "captures_capture"
LOOK_SECONDS = 0.005
# What makes writers wait, or readers, too.
IN_THE_WAY = "('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')"
HELD = f"""
    SELECT DISTINCT pid FROM pg_locks
    WHERE relation = '{TABLE}'::regclass AND granted AND mode IN {IN_THE_WAY}
"""
READ = f"SELECT id FROM {TABLE} ORDER BY id DESC LIMIT 24"


class Others:
    """Who works while a change is made: what they waited for, and how long locks were held."""

    def __init__(self, url: str, org: Any, device: Any) -> None:
        self.url, self.org, self.device = url, str(org), str(device)
        self.waited: dict[str, float] = {"reader": 0.0, "writer": 0.0}
        self.held = 0.0
        self._over = threading.Event()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        threads = [threading.Thread(target=work) for work in (self._read, self._write, self._look)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        self.waited, self.held = {"reader": 0.0, "writer": 0.0}, 0.0
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _connect(self) -> psycopg.Connection[Any]:
        connection = psycopg.connect(self.url, autocommit=True)
        connection.execute("SELECT set_config('visant.scope', '*', false)")
        return connection

    def _read(self) -> None:
        self._again("reader", lambda connection: connection.execute(READ))

    def _write(self) -> None:
        self._again("writer", self._add_picture)

    def _add_picture(self, connection: psycopg.Connection[Any]) -> None:
        """The statement that fills the table, for one picture of a name of its own."""
        name = str(time.monotonic_ns())
        connection.execute(FILL.replace(" n, now()", f" '{name}', now()"), [self.org, self.device, name, 1])

    def _again(self, who: str, work: Callable[[psycopg.Connection[Any]], object]) -> None:
        with self._connect() as connection:
            while not self._over.is_set():
                began = time.perf_counter()
                work(connection)
                self.waited[who] = max(self.waited[who], time.perf_counter() - began)
                time.sleep(0.002)

    def _look(self) -> None:
        since: dict[int, float] = {}
        with self._connect() as connection:
            while not self._over.is_set():
                now = time.perf_counter()
                holders = {pid for (pid,) in connection.execute(HELD)}
                since = {pid: since.get(pid, now) for pid in holders}
                self.held = max([self.held, *(now - began for began in since.values())])
                time.sleep(LOOK_SECONDS)


def changes() -> dict[str, list[Any]]:
    """Typical changes by name, each with its steps; the last ones are how it is not to be done."""
    from django.db import migrations, models

    from orgs.migrating import (
        AddConstraintNotValid,
        AddIndexConcurrently,
        AddUniqueIndexConcurrently,
        Backfill,
        ValidateConstraint,
    )

    def index(name: str) -> models.Index:
        return models.Index(fields=["org", "trigger_label", "-captured_at"], name=name)

    def check(name: str) -> models.CheckConstraint:
        return models.CheckConstraint(condition=models.Q(weather__in=["", "unknown", "rain"]), name=name)

    def once(name: str) -> models.UniqueConstraint:
        return models.UniqueConstraint(fields=["storage_key"], condition=~models.Q(storage_key=""), name=name)

    def field(name: str, kind: models.Field) -> Any:
        return migrations.AddField("capture", name, kind)

    person = models.ForeignKey("orgs.User", null=True, on_delete=models.SET_NULL, related_name="+", db_index=False)
    return {
        "a column that may be NULL": [field("seen_at", models.DateTimeField(null=True))],
        "a column with a default of the database": [
            field("weather", models.CharField(max_length=20, default="", db_default=""))
        ],
        "backfilled in batches": [
            Backfill(
                "captures.Capture",
                left=lambda model: model.unscoped.filter(weather=""),
                change=lambda model, pks: model.unscoped.filter(pk__in=pks).update(weather="unknown"),
            )
        ],
        "a check, not valid yet": [AddConstraintNotValid("capture", check("bench_check"))],
        "the check validated": [ValidateConstraint("capture", "bench_check")],
        "a foreign key that may be NULL": [field("seen_by", person)],
        "an index, concurrently": [AddIndexConcurrently("capture", index("bench_index"))],
        "a unique index, concurrently": [AddUniqueIndexConcurrently("capture", once("bench_once"))],
        "a unique index removed": [migrations.RemoveConstraint("capture", "bench_once")],
        "not so: an index, plainly": [migrations.AddIndex("capture", index("bench_plain_index"))],
        "not so: a unique index, plainly": [migrations.AddConstraint("capture", once("bench_plain_once"))],
        "not so: a check, plainly": [migrations.AddConstraint("capture", check("bench_plain_check"))],
    }


def apply(steps: list[Any], state: Any) -> Any:
    """Apply steps as one migration, like ``migrate`` does; return the state after it."""
    from django.db import connection
    from django.db.migrations import Migration

    migration = Migration("bench", "captures")
    migration.operations = steps
    names = {"AddIndexConcurrently", "AddUniqueIndexConcurrently", "Backfill"}
    migration.atomic = not names & {type(step).__name__ for step in steps}
    with connection.schema_editor(atomic=migration.atomic) as editor:
        return migration.apply(state, editor)


def run(url: str, captures: int) -> None:
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.loader import MigrationLoader

    from devices.services.devices import add_device
    from orgs import scope
    from orgs.services.organizations import create_organization

    call_command("migrate", verbosity=0)
    with scope.across_organizations("a benchmark"):
        org = create_organization(name="A", owner_email="a@example.org", owner_password=None)
        device, _ = add_device(org=org, name="camera", acting_user=None)
        began = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute(FILL, [org.pk, device.pk, str(device.pk), captures])
            cursor.execute("ANALYZE")
        print(f"{captures:,} captures made in {time.perf_counter() - began:.0f} s")
        print(f"{'':>40}  took s  lock held s  reader waited s  writer waited s")
        state = MigrationLoader(connection).project_state()
        for name, steps in changes().items():
            state = measure(
                name, Others(url, org.pk, device.pk), lambda steps=steps, state=state: apply(steps, state)
            )


def measure(name: str, others: Others, change: Callable[[], Any]) -> Any:
    with others.at_work():
        began = time.perf_counter()
        state = change()
        took = time.perf_counter() - began
    reader, writer = others.waited["reader"], others.waited["writer"]
    print(f"{name:>40} {took:>7.2f} {others.held:>12.2f} {reader:>16.2f} {writer:>16.2f}", flush=True)
    return state


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--captures", type=int, default=1_000_000)
    options = parser.parse_args()
    with scratch() as folder, database(folder) as url, django_on(url, folder):
        run(url, options.captures)


if __name__ == "__main__":
    main()
