"""``visant-camera once``: one picture, now."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Optional

from visant_camera.cli import leave, log_for_people
from visant_camera.client import Client
from visant_camera.keys import KeyStore
from visant_camera.link import Link
from visant_camera.options import Options, read_options
from visant_camera.outcomes import Outcome, Received
from visant_camera.records import Record
from visant_camera.schedule import SCHEDULE
from visant_camera.sender import Sender
from visant_camera.sources import NoPicture, open_source
from visant_camera.spool import Spool

PATIENCE = 30.0  # seconds for this picture, and for those of earlier times that wait
FAREWELL = 2.0


def main(arguments: Sequence[str]) -> int:
    """Exit 0: the server has it; 1: it waits in the spool, or was set aside; 3: no picture could be taken."""
    options = read_options(arguments, os.environ, once=True)
    log_for_people(verbose=options.verbose)
    spool = Spool(options.spool, limit=options.spool_limit)
    record = _take(options, spool)
    if record is None:
        return 3
    received: list[str] = []

    def settled(settled: Record, outcome: Outcome) -> None:
        if isinstance(outcome, Received):
            received.append(settled.record_id)

    keys = KeyStore(options.key, spool.state, options.key_home).open()
    sender = Sender(spool, Client(Link(options.url, keys)), settled=settled)
    sender.start()
    sender.drain(patience=PATIENCE)
    sender.stop(patience=FAREWELL)
    if record.record_id in received:
        sys.stdout.write(f"{record.record_id}\n")
    return leave(0 if record.record_id in received else 1)


def _take(options: Options, spool: Spool) -> Optional[Record]:
    source = open_source(options.source, interval=0, once_through=False)
    important = options.trigger_label != SCHEDULE
    try:
        picture = next(source)
        record = spool.add(picture, trigger_label=options.trigger_label, important=important)
        if record is not None:
            source.kept(picture)
    except (NoPicture, StopIteration) as error:
        sys.stderr.write(f"visant-camera: no picture: {error}\n")
        return None
    except OSError as error:
        sys.stderr.write(f"visant-camera: the spool cannot be written: {error.strerror}\n")
        return None
    finally:
        source.close()
    return record
