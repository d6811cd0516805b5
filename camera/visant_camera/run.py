"""``visant-camera run``: takes pictures in the main thread; others send, listen and report."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Sequence
from typing import Optional

from visant_camera.cli import leave, log_for_people
from visant_camera.client import Client
from visant_camera.clock import Clock
from visant_camera.configuration import Configuration, ConfigurationFile
from visant_camera.identity import Identity
from visant_camera.journal import Journal
from visant_camera.keys import KeyStore
from visant_camera.link import Link
from visant_camera.listener import Listener
from visant_camera.notes import Notes
from visant_camera.office import Office
from visant_camera.options import Options, read_options
from visant_camera.outcomes import Outcome, Received, SetAside
from visant_camera.plan import Plan
from visant_camera.records import Record
from visant_camera.sender import Sender
from visant_camera.sources import Source, open_source
from visant_camera.spool import Spool
from visant_camera.taker import Taker
from visant_camera.vitals import Vitals
from visant_camera.wishes import BadCommand

log = logging.getLogger(__name__)

LAST_PICTURES = 30.0  # seconds to send what is left after the last picture
FAREWELL = 2.0  # seconds an attempt under way may take when we are told to end


def main(arguments: Sequence[str]) -> int:
    """Run until the last picture or a signal. Exit 0; 1 when pictures remain unsent after the last one."""
    options = read_options(arguments, os.environ)
    log_for_people(verbose=options.verbose)
    pace = 10.0 if options.interval is None else options.interval
    source = open_source(options.source, interval=pace, once_through=options.once_through)
    return leave(Camera(options, source, Spool(options.spool, limit=options.spool_limit)).run())


class Camera:
    """All parts of one camera, tied together."""

    def __init__(self, options: Options, source: Source, spool: Spool) -> None:
        self._options, self._source, self._spool = options, source, spool
        clock, keys = Clock(), KeyStore(options.key, spool.state, options.key_home).open()
        self._identity = Identity(spool.state, given=options.device)
        self._journal = Journal(spool.state)
        client = Client(options.url, keys, clock=clock, direct=lambda: self._office.configuration.direct_upload)
        self.sender = Sender(spool, client, settled=self._settled)
        links = [Link(options.url, keys, clock=clock) for _ in range(2)]
        file = ConfigurationFile(spool.state)
        self._office = Office(links[0], self._identity, Vitals(spool, clock), file, changed=self._look_again)
        self._listener = Listener(
            links[1],
            self._identity,
            wished=lambda wish: self.taker.wish(wish),
            refused=self._refuse,
            reconfigured=self._office.ask_configuration,
            changed=self._heard_again,
        )
        self._notes = Notes(spool, clock, self._identity, self._office, self._listener)
        self.taker = Taker(
            source,
            spool,
            self._journal,
            Plan(configuration=self._planned, device_id=lambda: self._identity.device_id),
            clock,
            configuration=lambda: self._office.configuration,
            listening=lambda: self._listener.up,
            acknowledge=self._office.acknowledge,
            spooled=self.sender.notice,
            interval=options.interval,
            label=options.trigger_label,
        )

    def run(self) -> int:
        """The exit code."""
        try:
            if len(self._spool):
                log.info("%d pictures of the last run are still to be sent", len(self._spool))
            self.sender.start()
            if not self._options.is_batch:
                self._office.start()
                self._listener.start()
            self._take_pictures(self._options.count)
            self.sender.drain(patience=LAST_PICTURES)
            finished = True
        except KeyboardInterrupt:
            finished = False
        # The second Ctrl-C of an impatient person must not break the clean end.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        self._end()
        return self._report_unsent() if finished else 0

    def _take_pictures(self, count: Optional[int]) -> None:
        threads = [self.sender] if self._options.is_batch else [self.sender, self._office, self._listener]
        while count is None or self.taker.taken + self.taker.lost < count:
            try:
                self.taker.turn()
            except StopIteration:
                return
            if not self._options.is_batch:
                self._notes.write()
            if any(not thread.is_alive() for thread in threads):
                raise RuntimeError("A thread ended by itself; its traceback is above.")

    def _end(self) -> None:
        self._office.stop()
        self._listener.stop()
        self.sender.stop(patience=FAREWELL)
        self._source.close()
        if not self._options.is_batch:
            self._notes.write(at_once=True)
        waiting, aside = len(self._spool), self.sender.put_aside
        log.info("ended: %d sent, %d waiting, %d set aside", self.sender.sent, waiting, aside)

    def _report_unsent(self) -> int:
        gone = self.taker.lost + self._spool.dropped
        if not (len(self._spool) or self.sender.put_aside or gone):
            return 0
        log.error(
            "not everything was sent: %d wait in %s for the next start, %d are set aside there, %d are lost",
            len(self._spool),
            self._spool.folder,
            self.sender.put_aside,
            gone,
        )
        return 1

    def _planned(self) -> Configuration:
        # Pictures that are taken elsewhere are not taken by schedule.
        if self._options.is_batch or self._source.own_pace:
            return Configuration()
        return self._office.configuration

    def _look_again(self) -> None:
        self.taker.wish(None)

    def _heard_again(self) -> None:
        if self._listener.up:
            self._office.hurry()
        self._look_again()

    def _settled(self, record: Record, outcome: Outcome) -> None:
        """Before a picture leaves the spool: its trigger is settled durably first."""
        if isinstance(outcome, Received):
            self._identity.learn(outcome.receipt.get("device_id"))
            self._note(record.trigger_id, "")
        elif isinstance(outcome, SetAside) and record.trigger_id:
            failure = f"The server did not take the picture: {outcome.why}"
            self._note(record.trigger_id, failure)
            self._office.acknowledge(record.trigger_id, failure)

    def _note(self, trigger_id: str, failure: str) -> None:
        if not trigger_id:
            return
        try:
            self._journal.note(trigger_id, failure)
        except OSError as error:
            log.error("cannot note that %s is settled: %s", trigger_id, error)

    def _refuse(self, command: BadCommand) -> None:
        self._office.acknowledge(command.trigger_id, str(command))
