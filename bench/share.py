"""What a link costs: its pages out of a large archive beside a small one, and the last views when all come.

*Pages*: two processes with a database of their own each, in each one camera with a picture every seven minutes: of
13 years there, of seven weeks here. They answer in turn, so that both see the same machine. Then the small archive
beside the same with many pictures that are newer and not judged, which no link shows.
*Counting*: a real web server, 50 visitors at the same moment, 10 views.

``python bench/share.py [--rounds 20] [--large 1000000] [--small 10000] [--unjudged 300000]
[--only counting size unjudged] [--databases postgresql sqlite]``.
"""

import argparse
import http.client
import json
import os
import secrets
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.intake import database, free_port, manage, scratch, web_command, web_server  # noqa: E402

LARGE, SMALL, UNJUDGED = 1_000_000, 10_000, 300_000
PARTS = ["counting", "size", "unjudged"]
ONE_ROUND = 20
VISITORS, VIEWS = 50, 10
# So that the small archive has as many days as a page shows.
MINUTES = 7
NEWEST = datetime(2026, 11, 1, tzinfo=UTC)
COLUMNS = (
    "id, org_id, device_id, record_id, captured_at, received_at, storage_key, byte_size, sha256, thumbnail_key, "
    "content_type, width, height, trigger_label, trigger_id, metadata, hold, evaluation_status, "
    "evaluation_attempts, reason, verdict, not_judged"
)
# What each row has after its names and moments. The newest ones could not be judged.
REST = """'image/jpeg', 640, 480, '', '', '{}', false,
          CASE WHEN n > %(unjudged)s THEN 'completed' ELSE 'failed' END, 1, '',
          CASE WHEN n > %(unjudged)s THEN 'normal' END, ''"""
FILL = {
    "postgresql": f"""
        INSERT INTO captures_capture ({COLUMNS})
        SELECT lpad(to_hex(%(count)s - n), 32, '0')::uuid, %(org)s, %(device)s, n,
          %(newest)s::timestamptz - n * %(minutes)s * interval '1 minute',
          %(newest)s::timestamptz - n * %(minutes)s * interval '1 minute',
          'bench/' || n, 1, lpad(n::text, 64, '0'), '', {REST}
        FROM generate_series(1, %(count)s) AS n""",
    "sqlite": f"""
        INSERT INTO captures_capture ({COLUMNS})
        WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < %(count)s)
        SELECT printf('%%032x', %(count)s - n), %(org)s, %(device)s, n,
          datetime(%(newest)s, '-' || (n * %(minutes)s) || ' minutes'),
          datetime(%(newest)s, '-' || (n * %(minutes)s) || ' minutes'),
          'bench/' || n, 1, printf('%%064d', n), '', {REST}
        FROM series""",
}


def links_of(judged: int, unjudged: int = 0) -> dict[str, str]:
    """Fill the database and share its camera; return the addresses that are measured, by name."""
    count = judged + unjudged
    from django.db import connection

    from devices.services.devices import add_device
    from orgs import scope
    from orgs.keyset import Position
    from orgs.services.organizations import create_organization
    from sharing.models import LinkKind, Sampling, ShareLink
    from sharing.visitors.showing import NOBODY

    with scope.across_organizations("a benchmark"):
        org = create_organization(name="Bench", owner_email="bench@example.org", owner_password=None)
        device, _ = add_device(org=org, name="camera", acting_user=None)
        as_stored = connection.ops.adapt_datetimefield_value
        row = {"org": org.pk, "device": device.pk, "count": count, "minutes": MINUTES, "unjudged": unjudged}
        if connection.vendor == "sqlite":
            row |= {"org": org.pk.hex, "device": device.pk.hex}
        with connection.cursor() as cursor:
            cursor.execute(FILL[connection.vendor], {**row, "newest": as_stored(NEWEST)})
            cursor.execute("ANALYZE")
        tokens = {}
        for sampling in Sampling:
            tokens[sampling] = secrets.token_urlsafe(24)
            shown = {"kind": LinkKind.DEVICE, "without_maker": True, "sampling": sampling}
            ShareLink.unscoped.create(org=org, device=device, token=tokens[sampling], **shown)
        tokens["latest"] = secrets.token_urlsafe(24)
        shown = {"kind": LinkKind.LATEST, "without_maker": True}
        ShareLink.unscoped.create(org=org, device=device, token=tokens["latest"], **shown)
    number = unjudged + judged // 2
    middle = Position(NEWEST - timedelta(minutes=MINUTES * number), NOBODY).encode()
    return {
        "50 as JSON": f"/api/s/{tokens['all']}?limit=50",
        "50 from the middle": f"/api/s/{tokens['all']}?limit=50&cursor={middle}",
        "gallery page": f"/s/{tokens['all']}",
        "one picture": f"/s/{tokens['all']}/pictures/{UUID(int=count - number)}",
        "the latest": f"/s/{tokens['latest']}",
        "one of each hour, 50": f"/api/s/{tokens['hourly']}?limit=50",
        "one of each day, 40": f"/api/s/{tokens['daily']}?limit=40",
        "gallery, one of each day": f"/s/{tokens['daily']}",
    }


def answer(url: str, folder: str, judged: int, unjudged: int) -> None:
    """A process with an archive: for each name it reads, it asks so many times and prints the seconds."""
    os.environ |= {"VISANT_VAR": folder, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "visant.settings"}
    import django

    django.setup()
    from django.core.management import call_command
    from django.test import Client

    call_command("migrate", verbosity=0)
    addresses = links_of(judged, unjudged)
    print(json.dumps(list(addresses)), flush=True)
    client = Client(headers={"host": "localhost"})
    for line in sys.stdin:
        address = addresses[line.strip()]
        print(json.dumps([seconds_of(client, address) for _ in range(ONE_ROUND)]), flush=True)


def seconds_of(client: Any, address: str) -> float:
    began = time.perf_counter()
    status = client.get(address).status_code
    taken = time.perf_counter() - began
    if status != 200:
        raise SystemExit(f"{address} answers {status}.")
    return taken


@contextmanager
def new_database(kind: str, folder: Path) -> Iterator[str]:
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'bench.sqlite3'}"
    else:
        with database(folder) as url:
            yield url


@contextmanager
def archive(kind: str, folder: Path, judged: int, unjudged: int) -> Iterator[Callable[[str], list[float]]]:
    """Yield what measures a page of an archive of so many pictures, by its name; "" tells the names."""
    with new_database(kind, folder) as url:
        command = [sys.executable, __file__, "--answer", url, str(folder / "var"), str(judged), str(unjudged)]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, cwd=ROOT, **pipes) as process:
            names = process.stdout.readline()

            def measure(name: str) -> Any:
                if not name:
                    return json.loads(names)
                process.stdin.write(f"{name}\n")
                process.stdin.flush()
                return json.loads(process.stdout.readline())

            yield measure
            process.stdin.close()


def p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[18]


def compare(kind: str, folder: Path, rounds: int, archives: list[tuple[int, int]]) -> None:
    """Two archives, each of so many judged pictures and so many newer ones that are not."""
    with ExitStack() as stack:
        small, large = (
            stack.enter_context(archive(kind, folder / f"{judged}-{unjudged}", judged, unjudged))
            for judged, unjudged in archives
        )
        for name in large(""):
            small(name), large(name)  # once each, so that nothing is loaded for the first time
            times: tuple[list[float], list[float]] = ([], [])
            for _ in range(rounds):
                for found, measure in zip(times, (small, large), strict=True):
                    found += measure(name)
            few, many = (p95(found) * 1000 for found in times)
            middles = " | ".join(f"{statistics.median(found) * 1000:.1f}" for found in times)
            print(f"| {kind} | {name} | {middles} | {few:.1f} | {many:.1f} | {many / few:.2f} |", flush=True)


MAKE_LINK = """
from devices.services.devices import add_device
from orgs import scope
from orgs.services.organizations import create_organization
from sharing.models import ShareLink
with scope.across_organizations("a benchmark"):
    org = create_organization(name="Bench", owner_email="bench@example.org", owner_password=None)
    device, _ = add_device(org=org, name="camera", acting_user=None)
    ShareLink.unscoped.create(
        org=org, device=device, token="{token}", kind="device", without_maker=True, max_views={views}
    )
"""
COUNTED = """
from orgs import scope
from sharing.models import LinkDay, LinkVisit, ShareLink
with scope.across_organizations("a benchmark"):
    days = list(LinkDay.unscoped.values_list("views", flat=True))
    print(ShareLink.unscoped.get().view_count, sum(days), LinkVisit.unscoped.count())
"""


def count_at_once(kind: str, folder: Path) -> None:
    """Let all visitors come at the same moment, and say who got a view."""
    with new_database(kind, folder) as url:
        port, token = free_port(), secrets.token_urlsafe(24)
        environment = {**os.environ, "VISANT_VAR": str(folder / "var"), "DATABASE_URL": url, "PORT": str(port)}
        manage(environment, "migrate", "-v0")
        manage(environment, "shell", "-v0", "-c", MAKE_LINK.format(token=token, views=VIEWS))
        gate = threading.Barrier(VISITORS)

        def visit(_: int) -> int:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.connect()
            gate.wait(30)
            connection.request("POST", f"/s/{token}/view", headers={"User-Agent": "Mozilla/5.0"})
            return connection.getresponse().status

        with web_server(environment, web_command(environment)), ThreadPoolExecutor(VISITORS) as pool:
            began = time.perf_counter()
            statuses = Counter(pool.map(visit, range(VISITORS)))
            seconds = time.perf_counter() - began
        counted = manage(environment, "shell", "-v0", "-c", COUNTED).split()
        found = ", ".join(f"{count} × {status}" for status, count in sorted(statuses.items()))
        print(f"| {kind} | {found} | {' / '.join(counted[-3:])} | {seconds:.2f} |", flush=True)
        if statuses != {204: VIEWS, 410: VISITORS - VIEWS} or set(counted[-3:]) != {str(VIEWS)}:
            raise SystemExit("The views were not counted exactly.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--large", type=int, default=LARGE)
    parser.add_argument("--small", type=int, default=SMALL)
    parser.add_argument("--unjudged", type=int, default=UNJUDGED)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--databases", nargs="+", default=["postgresql", "sqlite"])
    parser.add_argument("--answer", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.answer:
        url, folder, *counts = options.answer
        return answer(url, folder, *map(int, counts))
    small = (options.small, 0)
    others = {"size": (options.large, 0), "unjudged": (options.small, options.unjudged)}
    with scratch() as folder:
        os.environ["VISANT_STATIC_ROOT"] = str(folder / "static")
        manage({**os.environ}, "collectstatic", "--noinput")
        if "counting" in options.only:
            print(f"| database | {VISITORS} at once, {VIEWS} views | link / its day / visits | seconds |")
            for kind in options.databases:
                count_at_once(kind, folder / f"counting-{kind}")
        for name, other in others.items():
            if name not in options.only:
                continue
            sizes = " | ".join(f"{judged:,} + {unjudged:,}" for judged, unjudged in (small, other))
            print(f"| database | page, ms | median of {sizes} | p95 of {sizes} | ratio |")
            for kind in options.databases:
                compare(kind, folder / f"{name}-{kind}", options.rounds, [small, other])
    return None


if __name__ == "__main__":
    main()
