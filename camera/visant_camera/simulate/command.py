"""The command ``visant-camera simulate``: options, the fleet, and the report."""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from visant_camera.options import OptionError, Parser
from visant_camera.simulate.camera import Camera, Key, Plan
from visant_camera.simulate.ledger import ACKNOWLEDGED, OPEN, REFUSED, Ledger

SHOWN = 20  # contradictions; more of them tell nothing new
UNSETTLED = 3  # the exit code


def main(arguments: Sequence[str]) -> int:
    """Run the fleet, for ``--seconds`` and ``--settle`` together at most. Raises ``OptionError``.

    Exit 0; 1 when the server did wrong, as when something acknowledged is missing; 3 when it did not, as far as
    that was seen, but not everything was settled and compared in time.
    """
    options = _parser().parse_args(arguments)
    try:
        url, keys = _read_url(options.url), _read_keys(options.keys)[: options.count]
        if len(keys) < options.count:
            raise OptionError(f"The file {options.keys} holds {len(keys)} keys; --count asks for {options.count}.")
        with contextlib.ExitStack() as files:
            file = files.enter_context(options.ledger.open("w")) if options.ledger else None
            return _run(options, url, keys, Ledger(file))
    except OSError as error:
        raise OptionError(f"{error.filename}: {error.strerror}.") from error


def _run(options: argparse.Namespace, url: str, keys: Sequence[Key], ledger: Ledger) -> int:
    seed = random.randrange(2**32) if options.seed is None else options.seed  # noqa: S311 - no secret
    until = time.monotonic() + options.seconds
    plan = Plan(url, options.every, until, until + options.settle, ledger)
    fleet = [
        Camera(key, plan, rng=random.Random(f"{seed}/{number}"), listens=number < options.listening)  # noqa: S311
        for number, key in enumerate(keys)
    ]
    for camera in fleet:
        camera.start()
    try:
        for camera in fleet:
            camera.join(max(0.0, plan.settled_by - time.monotonic()))
    except KeyboardInterrupt:
        sys.stdout.write("Interrupted.\n")
    ledger.close()
    unfinished = sum(not camera.finished for camera in fleet)
    _report(ledger, f"{len(fleet)} cameras, {options.seconds:g} s, seed {seed}", unfinished)
    if ledger.contradictions:
        return 1
    return UNSETTLED if unfinished or ledger.outcomes[OPEN] else 0


def _report(ledger: Ledger, title: str, unfinished: int) -> None:
    acknowledged, found = ledger.outcomes[ACKNOWLEDGED], ledger.events.pop("found", 0)
    refusals = ", ".join(f"{why} {count}" for why, count in ledger.refusals.most_common())
    events = ", ".join(f"{event} {count}" for event, count in sorted(ledger.events.items()) if event != "pictures")
    lines = [
        title,
        f"sent          {ledger.events['pictures']} pictures",
        f"acknowledged  {acknowledged}, of which the server shows {found} with the same bytes",
        f"refused       {ledger.outcomes[REFUSED]}" + (f": {refusals}" if refusals else ""),
        f"not settled   {ledger.outcomes[OPEN]}",
        f"on the way    {events or 'nothing happened'}",
    ]
    if unfinished:
        lines.append(f"unfinished    {unfinished} cameras, which were not compared with the server in time")
    lines += [f"WRONG  {sentence}" for sentence in ledger.contradictions[:SHOWN]]
    if len(ledger.contradictions) > SHOWN:
        lines.append(f"WRONG  and {len(ledger.contradictions) - SHOWN} more")
    sys.stdout.write("\n".join(lines) + "\n")


def _read_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise OptionError("The server's address (--url) must look like https://visant.example.com.")
    return value


def _read_keys(path: Path) -> list[Key]:
    keys = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            keys.append(Key(str(entry["id"]), str(entry["key"])))
        except (ValueError, TypeError, KeyError):
            raise OptionError(f'Line {number} of {path} is not like {{"id": …, "key": …}}.') from None
    return keys


def _parser() -> Parser:
    parser = Parser(
        prog="visant-camera simulate",
        description="Plays a fleet of cameras with outages, bad clocks, duplicates, half pictures and wrong keys, "
        "and compares what was acknowledged with what the server has.",
        allow_abbrev=False,
    )
    parser.add_argument("--url", required=True, help="address of the Visant server")
    parser.add_argument("--keys", required=True, type=Path, metavar="FILE", help="what add_device --json printed")
    parser.add_argument("--count", type=int, default=200, metavar="N", help="cameras (200)")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S", help="pictures are taken so long (60)")
    end = "it ends at most so long after that, whatever is not settled by then (20)"
    parser.add_argument("--settle", type=float, default=20.0, metavar="S", help=end)
    parser.add_argument("--every", type=float, default=5.0, metavar="S", help="time between two of a camera (5)")
    parser.add_argument("--listening", type=int, default=20, metavar="N", help="cameras that take commands (20)")
    parser.add_argument("--seed", type=int, metavar="N", help="nearly the same run again; the timing differs")
    parser.add_argument("--ledger", type=Path, metavar="FILE", help="what became of each picture, as JSON lines")
    return parser
