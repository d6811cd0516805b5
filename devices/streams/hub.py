"""The cameras that listen to this process, and the threads that tell them: two, however many cameras there are.

One waits for announcements. The other looks into the database, for all cameras at once that something was
announced for, and from time to time for those that nothing was announced for.
"""

import logging
import threading
import time
import uuid
from collections.abc import Collection, Iterable, Iterator
from itertools import groupby

from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections
from psycopg_pool import PoolTimeout

from devices import announcements
from devices.services.listening import Listener, collect_news, note_told, open_commands, recent_configurations
from devices.streams.held import Listening
from orgs import scope

logger = logging.getLogger(__name__)

# How often it is looked for what nobody announced: where there are no announcements, and where one may have been
# missed.
SEARCH_SECONDS, SEARCH_SECONDS_ANNOUNCED = 0.5, 5.0
# After the database failed, it is asked again so soon.
RETRY_SECONDS = 1.0
# After a mistake of ours ended the hearing of announcements, it is begun anew so soon.
HEAR_AGAIN_SECONDS = 5.0
AT_ONCE = 500


class Hub:
    """The cameras that listen to this process, each by its newest connection; the first one starts the threads."""

    def __init__(self) -> None:
        self._listening: dict[uuid.UUID, Listening] = {}
        self._woken: set[uuid.UUID] = set()
        self._changed = threading.Condition()
        self._searched_at = self._hear_again_at = 0.0
        self._search_seconds = SEARCH_SECONDS
        self._looking = self._hearing = False

    def __len__(self) -> int:
        return len(self._listening)

    def add(self, listening: Listening) -> None:
        """From now on it hears what there is for its camera, first what is open. An older one of it is closed."""
        listening.on_close = self._discard
        with self._changed:
            older = self._listening.get(listening.device_id)
            self._listening[listening.device_id] = listening
            self._woken.add(listening.device_id)
            self._start()
            self._changed.notify()
        if older is not None:
            older.close()

    def wake(self, device_id: uuid.UUID | None) -> None:
        """Look soon what there is for the camera; None: for each."""
        with self._changed:
            if device_id is None:
                self._woken.update(self._listening)
            elif device_id in self._listening:
                self._woken.add(device_id)
            if self._woken:
                self._changed.notify()

    def _discard(self, listening: Listening) -> None:
        with self._changed:
            if self._listening.get(listening.device_id) is listening:
                del self._listening[listening.device_id]

    # --- the threads

    def _start(self) -> None:
        """With the first camera, that is in the process that serves, however it was forked."""
        if not self._looking:
            self._looking = True
            threading.Thread(target=self._look_on_and_on, name="streams", daemon=True).start()
        self._begin_to_hear()

    def _begin_to_hear(self) -> None:
        if self._hearing or time.monotonic() < self._hear_again_at or not announcements.are_heard():
            return
        self._hearing = True
        self._search_seconds = SEARCH_SECONDS_ANNOUNCED
        threading.Thread(target=self._hear_on_and_on, name="announcements", daemon=True).start()

    def _hear_on_and_on(self) -> None:
        try:
            for device_id in announcements.announced():
                self.wake(device_id)
        except Exception:
            logger.exception("Hints are not heard any more; meanwhile the rows are searched more often.")
        finally:
            with self._changed:
                self._hearing, self._search_seconds = False, SEARCH_SECONDS
                self._hear_again_at = time.monotonic() + HEAR_AGAIN_SECONDS
                self._changed.notify()

    def _look_on_and_on(self) -> None:
        try:
            while True:
                self._look_or_wait()
        finally:  # a mistake of ours: the cameras come back, and with them another thread
            with self._changed:
                self._looking, left = False, list(self._listening.values())
            for listening in left:
                listening.close()

    def _look_or_wait(self) -> None:
        woken = self._wait()
        try:
            self._look(woken)
        except (DatabaseError, InterfaceError, PoolTimeout) as error:
            logger.warning("What there is for cameras could not be looked up; it is tried again: %s", error)
            with self._changed:
                self._woken.update(woken)
            time.sleep(RETRY_SECONDS)
        finally:
            close_old_connections()  # a pool's connection is for the others, too

    def _wait(self) -> set[uuid.UUID]:
        """Return the cameras that something was announced for; at the latest when it is time to search."""
        with self._changed:
            while not self._listening:
                self._changed.wait()
            if not self._woken:
                self._changed.wait(max(0.0, self._searched_at + self._search_seconds - time.monotonic()))
            woken, self._woken = self._woken, set()
            return woken

    def _look(self, woken: Collection[uuid.UUID]) -> None:
        for org_id, some in groupby(sorted(self._those(woken), key=_org_of), key=_org_of):
            with scope.within(org_id):
                _tell(list(some))
        if time.monotonic() - self._searched_at >= self._search_seconds:
            with scope.across_organizations("finds what is to be told to the cameras that listen here"):
                _tell(self._those(self._search()))
            self._searched_at = time.monotonic()
            with self._changed:
                self._begin_to_hear()

    def _those(self, device_ids: Iterable[uuid.UUID]) -> list[Listening]:
        with self._changed:
            return [self._listening[device_id] for device_id in device_ids if device_id in self._listening]

    def _search(self) -> set[uuid.UUID]:
        """Return the cameras that were not told something, and those whose right to listen is to be looked at."""
        now = time.monotonic()
        with self._changed:
            here = dict(self._listening)
        due = {device_id for device_id, listening in here.items() if listening.check_at <= now}
        untold = {
            device_id
            for device_id, command_id in open_commands()
            if device_id in here and command_id not in here[device_id].told
        }
        configured = {
            device_id
            for device_id, version in recent_configurations()
            if device_id in here and not here[device_id].knows_version(version)
        }
        return due | untold | configured


def _org_of(listening: Listening) -> uuid.UUID:
    return listening.org_id


def _tell(listenings: list[Listening]) -> None:
    for some in _in_parts(listenings):
        listeners = [Listener(one.key_id, one.device_id, one.told) for one in some]
        news = collect_news(listeners=listeners)
        for one in some:
            one.check_at = time.monotonic() + settings.STREAM_CHECK_SECONDS
            if one.device_id in news:
                one.hear(news[one.device_id])
            else:
                one.close()
        note_told(news=news)


def _in_parts(listenings: list[Listening]) -> Iterator[list[Listening]]:
    for start in range(0, len(listenings), AT_ONCE):
        yield listenings[start : start + AT_ONCE]


hub = Hub()
