"""Which pictures go, and which would go but are kept. The preview counts them, the pruning deletes them.

Along the index of a camera's pictures, in batches: what has no more to be looked at is never read, nothing is held
in memory but a batch, and of thinned pictures an hour or a day.
"""

import heapq
import uuid
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter
from typing import NamedTuple

from django.db.models import Sum

from captures.models import Capture
from captures.retention.keepers import NOTHING, kept_by
from captures.retention.rules import Camera, Fate, Group, Tiers
from captures.services import DOUBTFUL_BEFORE
from orgs.keyset import Position, newer_than
from orgs.models import Organization

BATCH = 500
# Read at once while looking for them; a row is a moment and an id.
ROWS_READ = 2000

Seen = tuple[datetime, uuid.UUID]


class Due(NamedTuple):
    """A picture whose time has come. ``kept`` is what keeps it nevertheless, else empty."""

    pk: uuid.UUID
    byte_size: int
    kept: str


def select(group: Group, *, org: Organization, at: datetime) -> Iterator[list[Due]]:
    """Yield the pictures of the group whose time has come at that moment, a batch at a time.

    Those of a batch may be deleted before the next one is asked for; nothing else changes by that.
    """
    stored = _stored_bytes(group) if group.rule.bytes is not None else 0
    for camera in group.cameras:
        for pks in _batches(pk for (_, pk), goes in _walk(camera, _tiers(group, camera, at), at=at) if goes):
            batch = _weigh(pks, org, at)
            stored -= sum(due.byte_size for due in batch if due.kept == NOTHING)
            yield batch
    if group.rule.bytes is not None:
        yield from _oldest(group, org, at, excess=stored - group.rule.bytes)


def _oldest(group: Group, org: Organization, at: datetime, *, excess: int) -> Iterator[list[Due]]:
    """Of what the other rules leave, the oldest: until so many bytes are gone."""
    if excess <= 0:
        return
    walks = [_walk(camera, _tiers(group, camera, at), at=at, to_the_end=True) for camera in group.cameras]
    rest = (pk for (_, pk), goes in heapq.merge(*walks, key=itemgetter(0)) if not goes)
    for pks in _batches(rest):
        taken = []
        for due in _weigh(pks, org, at):
            taken.append(due)
            excess -= due.byte_size if due.kept == NOTHING else 0
            if excess <= 0:
                break
        yield taken
        if excess <= 0:
            return


def _walk(camera: Camera, tiers: Tiers, *, at: datetime, to_the_end: bool = False) -> Iterator[tuple[Seen, bool]]:
    """The pictures of a camera, the earliest first, each with whether the rule of days or thinning lets it go."""
    yield from _of_unset_clocks(camera, tiers, to_the_end)
    if tiers.end is None and not to_the_end:
        return
    rows = _rows(camera, before=None if to_the_end else tiers.end)
    for bucket, members in groupby(rows, key=lambda seen: tiers.bucket_of(seen[0])):
        if isinstance(bucket, Fate):
            yield from ((seen, bucket is Fate.GOES) for seen in members)
            continue
        seens = list(members)
        chosen = tiers.chosen_of(bucket, [moment for moment, _ in seens])
        yield from ((seen, place != chosen) for place, seen in enumerate(seens))


def _of_unset_clocks(camera: Camera, tiers: Tiers, to_the_end: bool) -> Iterator[tuple[Seen, bool]]:
    """Pictures with a moment before there were cameras: they are as old as they are here, and not thinned."""
    wanted = Capture.unscoped.filter(device=camera.pk, captured_at__lt=DOUBTFUL_BEFORE)
    if not to_the_end:
        if tiers.expired is None:
            return
        wanted = wanted.filter(received_at__lt=tiers.expired)
    position: Position | None = None
    while True:
        rows = wanted if position is None else newer_than(wanted, position, field="captured_at")
        batch = list(
            rows.order_by("captured_at", "pk").values_list("captured_at", "pk", "received_at")[:ROWS_READ]
        )
        for moment, pk, received_at in batch:
            yield (moment, pk), tiers.expired is not None and received_at < tiers.expired
        if len(batch) < ROWS_READ:
            return
        position = Position(*batch[-1][:2])


def _rows(camera: Camera, *, before: datetime | None) -> Iterator[Seen]:
    """Moments and ids from the index alone."""
    position = Position(DOUBTFUL_BEFORE, uuid.UUID(int=0))
    while True:
        rows = newer_than(Capture.unscoped.filter(device=camera.pk), position, field="captured_at")
        if before is not None:
            rows = rows.filter(captured_at__lt=before)
        batch = list(rows.order_by("captured_at", "pk").values_list("captured_at", "pk")[:ROWS_READ])
        yield from batch
        if len(batch) < ROWS_READ:
            return
        position = Position(*batch[-1])


def _weigh(pks: list[uuid.UUID], org: Organization, at: datetime) -> list[Due]:
    """Their sizes and what keeps them, in the order of ``pks``. One that is gone meanwhile is left out."""
    rows = Capture.unscoped.filter(pk__in=pks).annotate(kept=kept_by(org=org, at=at))
    found = {pk: Due(pk, size, kept) for pk, size, kept in rows.values_list("pk", "byte_size", "kept")}
    return [found[pk] for pk in pks if pk in found]


def _stored_bytes(group: Group) -> int:
    """All that the group's cameras have stored. It reads each of their rows: only where bytes are limited."""
    captures = Capture.unscoped.filter(device__in=[camera.pk for camera in group.cameras])
    return captures.aggregate(sum=Sum("byte_size"))["sum"] or 0


def _tiers(group: Group, camera: Camera, at: datetime) -> Tiers:
    return Tiers.of(group.rule, camera.zone, at)


def _batches(pks: Iterator[uuid.UUID]) -> Iterator[list[uuid.UUID]]:
    while batch := list(islice(pks, BATCH)):
        yield batch
