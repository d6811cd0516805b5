"""Which pictures go, and which would go but are kept. The preview counts them, the pruning deletes them.

Along the index of a camera's pictures, in batches: what has no more to be looked at is never read, nothing is held
in memory but a batch, and of thinned pictures an hour or a day.
"""

import heapq
import uuid
from collections.abc import Iterator
from datetime import datetime
from itertools import chain, groupby, islice
from operator import itemgetter
from typing import Any, NamedTuple

from django.db.models import QuerySet, Sum

from captures.models import Capture, CaptureQuerySet
from captures.retention.keepers import NOTHING, kept_by
from captures.retention.rules import Camera, Group, Tiers
from captures.services import DOUBTFUL_BEFORE
from orgs.keyset import Position, newer_than
from orgs.models import Organization

BATCH = 1000
# Read at once while looking for them; a row is a moment and an id.
ROWS_READ = 5000

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
        for batch in _of_camera(camera, _tiers(group, camera, at), org, at):
            stored -= sum(due.byte_size for due in batch if due.kept == NOTHING)
            yield batch
    if group.rule.bytes is not None:
        yield from _oldest(group, org, at, excess=stored - group.rule.bytes)


def _of_camera(camera: Camera, tiers: Tiers, org: Organization, at: datetime) -> Iterator[list[Due]]:
    """What days and thinning let go: what is expired as a whole, then what is not chosen to stay."""
    kept = kept_by(org=org, at=at)
    for expired in _expired(camera, tiers):
        for rows in _pages(expired.annotate(kept=kept), BATCH, "byte_size", "kept"):
            yield [Due(pk, size, word) for _, pk, size, word in rows]
    for pks in _batches(pk for (_, pk), goes in _walk(camera, tiers) if goes):
        yield _weigh(pks, org, at)


def _expired(camera: Camera, tiers: Tiers) -> Iterator[CaptureQuerySet]:
    """Pictures of clocks that were not set are as old as they are here; the others as they are."""
    if tiers.expired is not None:
        captures = Capture.unscoped.filter(device=camera.pk, captured_at__lt=tiers.expired)
        yield captures.filter(captured_at__lt=DOUBTFUL_BEFORE, received_at__lt=tiers.expired)
        yield captures.filter(captured_at__gte=DOUBTFUL_BEFORE)


def _oldest(group: Group, org: Organization, at: datetime, *, excess: int) -> Iterator[list[Due]]:
    """Of what the other rules leave, the oldest: until so many bytes are gone."""
    if excess <= 0:
        return
    walks = [_walk(camera, _tiers(group, camera, at), to_the_end=True) for camera in group.cameras]
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


def _walk(camera: Camera, tiers: Tiers, *, to_the_end: bool = False) -> Iterator[tuple[Seen, bool]]:
    """What is not expired, the earliest first, each with whether thinning lets it go.

    As far as there is thinning; ``to_the_end`` all. Passed over are captures without a picture, which free nothing
    and stand for none.
    """
    captures = Capture.unscoped.pictured().filter(device=camera.pk)
    if to_the_end:
        unset = captures.filter(captured_at__lt=DOUBTFUL_BEFORE)
        if tiers.expired is not None:
            unset = unset.filter(received_at__gte=tiers.expired)
        yield from (((moment, pk), False) for rows in _pages(unset, ROWS_READ) for moment, pk in rows)
    elif tiers.hourly is None:
        return
    else:
        captures = captures.filter(captured_at__lt=tiers.hourly)
    captures = captures.filter(captured_at__gte=max(filter(None, (tiers.expired, DOUBTFUL_BEFORE))))
    seen = chain.from_iterable(_pages(captures, ROWS_READ))
    for bucket, members in groupby(seen, key=lambda row: tiers.bucket_of(row[0])):
        if bucket is None:
            yield from ((row, False) for row in members)
            continue
        rows = list(members)
        chosen = tiers.chosen_of(bucket, [moment for moment, _ in rows])
        yield from ((row, place != chosen) for place, row in enumerate(rows))


def _pages(captures: CaptureQuerySet, size: int, *columns: str) -> Iterator[list[tuple[Any, ...]]]:
    """Moment, id and ``columns`` of the captures along the index of their camera, so many at once."""
    captures = captures.order_by("captured_at", "pk")
    rows: QuerySet[Capture] = captures
    while True:
        page = list(rows.values_list("captured_at", "pk", *columns)[:size])
        if page:
            yield page
        if len(page) < size:
            return
        rows = newer_than(captures, Position(*page[-1][:2]), field="captured_at")


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
