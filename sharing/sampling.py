"""One picture of each hour or day, by the camera's clock: the first of those a link shows.

A page costs the same on a camera with a picture a minute as on one with a picture a day: hours are looked up in
the index of the camera's pictures, never gone through.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import groupby
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Subquery

from captures.models import Capture, CaptureQuerySet
from devices.models import Device
from orgs.keyset import older_than, position_of
from sharing.models import Sampling

# So many pictures are read at once, to see whether that reaches further back than the hours that can be asked for.
RUN = 100
# So many hours or days are asked for by one query.
MOST_SPANS = 25
# A page ends after so many rounds, full or not: where the pictures of years are in a few hours, say.
MOST_ROUNDS = 8
INSTANT = timedelta(microseconds=1)


class Sample(NamedTuple):
    """The first picture of an hour or a day, and when that began."""

    start: datetime
    pk: UUID


@dataclass(frozen=True)
class Sampler:
    """``captures``: of one camera, whose clock ``zone`` is. ``sampling`` is hourly or daily."""

    captures: CaptureQuerySet
    device: Device
    sampling: Sampling
    zone: ZoneInfo

    def before(self, end: datetime | None, *, count: int) -> tuple[list[Sample], datetime | None]:
        """Return up to ``count`` samples of before ``end``, newest first, and from where to go on, or None."""
        found: list[Sample] = []
        for _ in range(MOST_ROUNDS):
            run = self._run_before(end)
            if not run:
                return found, None
            samples, end = self._samples_of(run, most=min(MOST_SPANS, count + 1 - len(found)))
            found += samples
            if len(found) > count:
                return found[:count], found[count - 1].start
            if end is None:
                return found, None
        return found, end

    def start_of(self, moment: datetime) -> datetime:
        """When the hour or day of a moment began. An hour that comes twice is two, unless it is a half one."""
        local = moment.astimezone(self.zone)
        if self.sampling == Sampling.DAILY:
            return datetime.combine(local.date(), time(), self.zone).astimezone(UTC)
        return local.replace(minute=0, second=0, microsecond=0).astimezone(UTC)

    def end_of(self, moment: datetime) -> datetime:
        """When the next hour or day begins."""
        start = self.start_of(moment)
        step = timedelta(days=1) if self.sampling == Sampling.DAILY else timedelta(hours=1)
        # Days have up to 25 hours, and hours that the clocks are put back in more than one.
        later = self.start_of(start + step)
        return later if later > start else self.start_of(start + 2 * step)

    def is_sample(self, capture: Capture) -> bool:
        of_span = self.captures.filter(captured_at__gte=self.start_of(capture.captured_at))
        return not older_than(of_span, position_of(capture, "captured_at"), field="captured_at").exists()

    def just_before(self, capture: Capture) -> Capture | None:
        samples, _ = self.before(self.start_of(capture.captured_at), count=1)
        return self.captures.filter(pk=samples[0].pk).first() if samples else None

    def just_after(self, capture: Capture) -> Capture | None:
        """The first picture of a later hour or day is the first of its own."""
        later = self.captures.filter(captured_at__gte=self.end_of(capture.captured_at))
        return later.order_by("captured_at", "pk").first()

    def _run_before(self, end: datetime | None) -> list[Sample]:
        captures = self.captures if end is None else self.captures.filter(captured_at__lt=end)
        rows = captures.newest_first().values_list("captured_at", "pk")[:RUN]
        return [Sample(*row) for row in rows]

    def _samples_of(self, run: list[Sample], *, most: int) -> tuple[list[Sample], datetime | None]:
        """The samples from the first of ``run`` on, by it or by ``most`` spans, and from where to go on."""
        spans = list(self._spans_from(run[0].start, most))
        if len(run) == RUN and run[-1].start >= spans[-1][0]:
            return self._first_of(spans), spans[-1][0]
        groups = groupby(run, key=lambda row: self.start_of(row.start))
        samples = [Sample(start, list(rows)[-1].pk) for start, rows in groups]
        if len(run) < RUN:
            return samples, None
        # Of the last one there may be earlier pictures.
        return samples[:-1], samples[-2].start

    def _spans_from(self, moment: datetime, count: int) -> Iterator[tuple[datetime, datetime]]:
        """The hour or day of ``moment`` and those before it, one beginning where the next ends."""
        end = self.end_of(moment)
        for _ in range(count):
            start = self.start_of(end - INSTANT)
            yield start, end
            end = start

    def _first_of(self, spans: list[tuple[datetime, datetime]]) -> list[Sample]:
        """One query, which looks each span up in the index."""
        first = self.captures.order_by("captured_at", "pk").values("pk")
        looked_up = {
            f"in_{number}": Subquery(first.filter(captured_at__gte=start, captured_at__lt=end)[:1])
            for number, (start, end) in enumerate(spans)
        }
        row = self.device.org.devices.filter(pk=self.device.pk).values_list(*looked_up.values()).get()
        return [Sample(start, pk) for (start, _), pk in zip(spans, row, strict=True) if pk]
