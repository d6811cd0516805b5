"""The command ``visant-camera``: takes pictures in the main thread, sends them in another."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Optional

from visant_camera.client import Client
from visant_camera.options import OptionError, Options, read_options
from visant_camera.pace import pictures_every
from visant_camera.sender import Sender
from visant_camera.sources import Source, SourceError, open_source
from visant_camera.spool import Spool, SpoolUnavailable

log = logging.getLogger(__name__)

LAST_PICTURES = 30.0  # seconds to send what is left after the last picture
FAREWELL = 2.0  # seconds an attempt under way may take when we are told to end


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run until the last picture or a signal. Exit 0; 1 when pictures remain unsent; 2 for bad options."""
    # From here on SIGTERM is what Ctrl-C is: an exception wherever the main thread happens to be.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        options = read_options(sys.argv[1:] if arguments is None else arguments, os.environ)
        _log_for_people(verbose=options.verbose)
        source = open_source(options.source, interval=options.interval, once_through=options.once_through)
        spool = Spool(options.spool, limit=options.spool_limit)
    except (OptionError, SourceError, SpoolUnavailable) as error:
        sys.stderr.write(f"visant-camera: {error}\n")
        return 2
    except KeyboardInterrupt:
        return 0
    sender = Sender(spool, Client(options.url, options.key))
    code = _run(options, source, spool, sender)
    if threading.active_count() > 1:
        # A thread stuck in a network call or a camera driver must not hold up the end; the disk has it all.
        logging.shutdown()
        os._exit(code)
    return code


def _run(options: Options, source: Source, spool: Spool, sender: Sender) -> int:
    try:
        if len(spool):
            log.info("%d pictures of the last run are still to be sent", len(spool))
        sender.start()
        lost = _take_pictures(options, source, spool, sender)
        sender.drain(patience=LAST_PICTURES)
        finished = True
    except KeyboardInterrupt:
        finished = False
    # The second Ctrl-C of an impatient person must not break the clean end.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    sender.stop(patience=FAREWELL)
    source.close()
    log.info("ended: %d sent, %d waiting, %d set aside", sender.sent, len(spool), sender.put_aside)
    if not finished:
        return 0
    return _report_unsent(spool, sender, lost)


def _take_pictures(options: Options, source: Source, spool: Spool, sender: Sender) -> int:
    """Returns how many pictures the disk did not take."""
    lost = 0
    for picture in pictures_every(options.interval, source, count=options.count):
        try:
            record = spool.add(picture, trigger_label=options.trigger_label)
        except OSError as error:
            lost += 1
            log.error("lost a picture: the spool cannot be written (%s); %d lost so far", error.strerror, lost)
            continue
        if record is not None:
            log.debug("took %s (%d KB)", record.record_id, round(record.size / 1024))
        if not sender.is_alive():
            raise RuntimeError("The sender ended by itself; its traceback is above.")
        sender.notice()
    return lost


def _report_unsent(spool: Spool, sender: Sender, lost: int) -> int:
    gone = lost + spool.dropped
    if not (len(spool) or sender.put_aside or gone):
        return 0
    log.error(
        "not everything was sent: %d wait in %s for the next start, %d are set aside there, %d are lost",
        len(spool),
        spool.folder,
        sender.put_aside,
        gone,
    )
    return 1


def _log_for_people(*, verbose: bool) -> None:
    # Other libraries stay at WARNING even when verbose: their lines may hold addresses with passwords.
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING, stream=sys.stderr)
    logging.getLogger("visant_camera").setLevel(logging.DEBUG if verbose else logging.INFO)
