"""What the index of judged pictures costs whoever takes pictures and judges them: the rows alone, no files.

In one database, in turn with the index and without it: rows are inserted as a camera hands them in, then each gets
its verdict. A hundred make a transaction, so that less of the time is the disk's and more the index's than of
real uploads, each of which is its own.

``python bench/judging.py [--rounds 4] [--rows 20000] [--before 100000] [--databases postgresql sqlite]``.
"""

import argparse
import os
import statistics
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.intake import scratch  # noqa: E402
from bench.share import COLUMNS, NEWEST, links_of, new_database  # noqa: E402

INDEX = "captures_capture_judged_time"
AT_ONCE = 100
VALUES = ", ".join(["%s"] * len(COLUMNS.split(",")))
INSERT = f"INSERT INTO captures_capture ({COLUMNS}, evaluation_due_at) VALUES ({VALUES}, %s)"
JUDGE = """
    UPDATE captures_capture SET verdict = 'normal', evaluation_status = 'completed', evaluation_due_at = NULL,
      evaluated_at = %s, evaluation_attempts = 1 WHERE id = %s AND evaluation_attempts = 0"""


def rows_of(device: Any, first: int, count: int) -> list[list[Any]]:
    """As the database takes them; the names of all are different."""
    from django.db import connection

    as_stored = connection.ops.adapt_datetimefield_value
    in_hex = connection.vendor == "sqlite"
    org, camera = (key.hex if in_hex else key for key in (device.org_id, device.pk))
    rows = []
    for number in range(first, first + count):
        moment = as_stored(NEWEST + timedelta(minutes=number))
        pk = f"{1 << 64 | number:032x}"
        names = [pk, org, camera, f"new {number}", moment, moment, f"new/{number}", 1, f"{number:064d}", ""]
        rows.append([*names, "image/jpeg", 640, 480, "", "", "{}", False, "pending", 0, "", None, "", moment])
    return rows


def seconds_of(rows: list[list[Any]]) -> tuple[float, float]:
    """How long it takes to insert them, and to judge them."""
    judged = [(row[4], row[0]) for row in rows]
    return _run(INSERT, rows), _run(JUDGE, judged)


def _run(sql: str, all_of_them: Any) -> float:
    from django.db import connection, transaction

    began = time.perf_counter()
    for start in range(0, len(all_of_them), AT_ONCE):
        with transaction.atomic(), connection.cursor() as cursor:
            for params in all_of_them[start : start + AT_ONCE]:
                cursor.execute(sql, params)
                if cursor.rowcount != 1:
                    raise SystemExit("A row was not written.")
    return time.perf_counter() - began


def measure(kind: str, url: str, folder: Path, options: argparse.Namespace) -> None:
    os.environ |= {"VISANT_VAR": str(folder), "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "visant.settings"}
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from captures.models import Capture
    from devices.models import Device
    from orgs import scope

    call_command("migrate", verbosity=0)
    links_of(options.before)
    [index] = [index for index in Capture._meta.indexes if index.name == INDEX]
    times: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    with scope.across_organizations("a benchmark"):
        device, done = Device.unscoped.get(), 0
        for number in range(options.rounds):
            # With it first, then without it first: the later of two has more rows and, perhaps, a warmer machine.
            for is_there in (True, False) if number % 2 else (False, True):
                rows = rows_of(device, done, options.rows)
                if is_there:
                    times[True].append(seconds_of(rows))
                else:
                    with connection.schema_editor() as editor:
                        editor.remove_index(Capture, index)
                    times[False].append(seconds_of(rows))
                    with connection.schema_editor() as editor:
                        editor.add_index(Capture, index)
                done += options.rows
    for step, what in enumerate(("inserted", "judged")):
        without, with_it = ([one[step] for one in times[is_there]] for is_there in (False, True))
        tell(kind, what, options.rows, without, with_it)
    tell(kind, "both", options.rows, *([sum(one) for one in times[is_there]] for is_there in (False, True)))


def tell(kind: str, what: str, rows: int, without: list[float], with_it: list[float]) -> None:
    each = [f"{statistics.median(found) / rows * 1e6:.0f}" for found in (without, with_it)]
    ratios = [b / a for a, b in zip(without, with_it, strict=True)]
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    print(f"| {kind} | {what} | {' | '.join(each)} | {statistics.median(ratios):.2f} | {spread} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--before", type=int, default=100_000)
    parser.add_argument("--databases", nargs="+", default=["postgresql", "sqlite"])
    options = parser.parse_args()
    for kind in options.databases:
        # Django is set up for one database, once.
        if len(options.databases) > 1:
            command = [sys.executable, __file__, *sys.argv[1:], "--databases", kind]
            if os.spawnv(os.P_WAIT, sys.executable, command):
                raise SystemExit(f"{kind} was not measured.")
            continue
        print("| database | rows | µs each without it | with it | ratio | of the rounds |")
        with scratch() as folder, new_database(kind, folder / kind) as url:
            measure(kind, url, folder / "var", options)


if __name__ == "__main__":
    main()
