"""What a link shows: pages of pictures, one of them, and those beside it.

The members' preview of a link draws the same from one that is not saved; only the addresses differ.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import NamedTuple, Protocol
from uuid import UUID

from captures.models import Capture, CaptureQuerySet
from devices.clocks import clock_of
from orgs.keyset import BadCursor, Position, newest_page
from sharing.models import LinkKind, Sampling
from sharing.opening import Opened, captures_shown
from sharing.sampling import INSTANT, Sample, Sampler

# Divides by two, three, four and six columns.
PAGE_SIZE = 24
MOST_SHOWN = 100
DAYS_SHOWN = 14
# So many of them may be later than the day that is looked at.
DAYS_LATER = 6
# What a page shows as the newest picture can be fetched for so long after a newer one is there.
STILL_LATEST = timedelta(minutes=5)
NOBODY = UUID(int=0)


class Addresses(Protocol):
    """Where the pictures of a page are for whom it is drawn."""

    def page(self, capture: Capture) -> str:
        """Of the page that shows the picture large."""
        ...

    def thumbnail(self, capture: Capture) -> str: ...


class Tile(NamedTuple):
    """A picture in a gallery."""

    capture: Capture
    page: str
    thumbnail: str


class PageOfPictures(NamedTuple):
    """Newest first; ``next``: the cursor of the page with older ones, None where there are none."""

    captures: list[Capture]
    next: str | None


class Showing:
    """What ``opened`` shows at its moment. Days are those of the camera's clock."""

    def __init__(self, opened: Opened) -> None:
        self.opened, self.link = opened, opened.link
        self.zone = clock_of(self.link.device)

    def page(self, cursor: str = "", *, day: date | None = None, limit: int = PAGE_SIZE) -> PageOfPictures:
        """A page from the cursor on, else of ``day`` and before. Raises :class:`~orgs.keyset.BadCursor`."""
        if self.link.kind in (LinkKind.CAPTURE, LinkKind.LATEST):
            newest = self.newest
            return PageOfPictures([newest] if newest else [], None)
        if self._sampler is None:
            captures = self._captures if day is None else self._captures.filter(captured_at__lt=self._end_of(day))
            return PageOfPictures(*newest_page(captures, cursor=cursor, limit=limit, field="captured_at"))
        end = self._end_of(day) if day else None
        if cursor:
            end = _start_of(self._sampler, cursor)
        samples, following = self._sampler.before(end, count=limit)
        further = Position(following, NOBODY).encode() if following else None
        return PageOfPictures(self._rows_of(samples), further)

    @cached_property
    def newest(self) -> Capture | None:
        if self._sampler is None:
            return self._captures.newest_first().first()
        samples, _ = self._sampler.before(None, count=1)
        return next(iter(self._rows_of(samples)), None)

    def find(self, pk: UUID) -> Capture | None:
        """The picture of that id, if it is one of those shown."""
        capture = self._captures.filter(pk=pk).first()
        if capture is None or (self._sampler and not self._sampler.is_sample(capture)):
            return None
        if self.link.kind == LinkKind.LATEST and not self._is_latest(capture):
            return None
        return capture

    def newer(self, capture: Capture) -> Capture | None:
        """The picture after one of those shown; None for the newest, and where only one is shown."""
        if self.link.kind in (LinkKind.CAPTURE, LinkKind.LATEST):
            return None
        return self._after(capture)

    def older(self, capture: Capture) -> Capture | None:
        if self.link.kind in (LinkKind.CAPTURE, LinkKind.LATEST):
            return None
        return self._sampler.just_before(capture) if self._sampler else self._captures.just_before(capture)

    def free_from(self, capture: Capture) -> datetime:
        """From when on a picture is shown beside this one, the newest."""
        return self._sampler.end_of(capture.captured_at) - INSTANT if self._sampler else capture.captured_at

    def days(self, around: date | None = None) -> list[date]:
        """Days that have pictures, newest first: the last ones, or those around one."""
        end = self._end_of(around, later=DAYS_LATER) if around else None
        days, _ = self._sampled(Sampling.DAILY).before(end, count=DAYS_SHOWN)
        return [sample.start.astimezone(self.zone).date() for sample in days]

    def tiles(self, captures: Sequence[Capture], addresses: Addresses) -> list[Tile]:
        return [Tile(row, addresses.page(row), addresses.thumbnail(row)) for row in captures]

    @cached_property
    def _captures(self) -> CaptureQuerySet:
        return self.opened.captures.defer("metadata")

    @cached_property
    def _sampler(self) -> Sampler | None:
        """None where all pictures are shown. The one picture that a link was made for is shown in any case."""
        sampling = Sampling(self.link.sampling)
        if sampling == Sampling.ALL or self.link.kind == LinkKind.CAPTURE:
            return None
        return self._sampled(sampling)

    def _sampled(self, sampling: Sampling) -> Sampler:
        return Sampler(self._captures, self.link.device, sampling, self.zone)

    def _after(self, capture: Capture) -> Capture | None:
        return self._sampler.just_after(capture) if self._sampler else self._captures.just_after(capture)

    def _is_latest(self, capture: Capture) -> bool:
        """Whether nothing newer has been shown for longer than a page may be in use."""
        newer = self._after(capture)
        if newer is None:
            return True
        before = self.opened.at - STILL_LATEST
        was_shown = captures_shown(self.link, self.opened.maker, at=before).filter(pk=newer.pk).exists()
        was_judged = newer.evaluated_at is None or newer.evaluated_at <= before
        return not (was_shown and was_judged)

    def _rows_of(self, samples: list[Sample]) -> list[Capture]:
        """One that was deleted meanwhile is left out."""
        rows = self._captures.in_bulk([sample.pk for sample in samples])
        return [rows[sample.pk] for sample in samples if sample.pk in rows]

    def _end_of(self, day: date, *, later: int = 0) -> datetime:
        """When the next day begins, or so many days after it."""
        try:
            return datetime.combine(day + timedelta(days=1 + later), time(), self.zone).astimezone(UTC)
        except OverflowError as error:
            raise BadCursor("There is no such day.") from error


def _start_of(sampler: Sampler, cursor: str) -> datetime:
    try:
        return sampler.start_of(Position.decode(cursor).moment)
    except OverflowError as error:
        raise BadCursor("The cursor is not one that was given out here.") from error
