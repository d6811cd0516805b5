"""What happened to a link on its last days, as its page shows it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sharing.models import LinkDay, ShareLink

# The chart's own units: a day is so wide, and the busiest day so high.
STEP = 10
HEIGHT = 60
# So high is at least what is there at all, or a single view beside a thousand could not be seen.
LEAST = 2


@dataclass(frozen=True)
class Day:
    """A day of the organization's clock; one on which nothing happened has zeros."""

    day: date
    views: int = 0
    visitors: int = 0
    refused_passwords: int = 0


@dataclass(frozen=True)
class Bar:
    """How a day is drawn: ``x`` is its left edge; the visitors stand inside the views."""

    of: Day
    x: int
    views: int
    visitors: int

    @property
    def top(self) -> int:
        return HEIGHT - self.views

    @property
    def visitors_top(self) -> int:
        return HEIGHT - self.visitors


@dataclass(frozen=True)
class Days:
    """Days one after the other, the earliest first."""

    days: tuple[Day, ...]

    @property
    def views(self) -> int:
        return sum(day.views for day in self.days)

    @property
    def refused_passwords(self) -> int:
        return sum(day.refused_passwords for day in self.days)

    @property
    def most(self) -> int:
        """The views of the busiest day."""
        return max((day.views for day in self.days), default=0)

    @property
    def newest_first(self) -> Iterable[Day]:
        return reversed(self.days)

    @property
    def width(self) -> int:
        return STEP * len(self.days)

    @property
    def bars(self) -> list[Bar]:
        return [
            Bar(day, STEP * number, self._high(day.views), self._high(day.visitors))
            for number, day in enumerate(self.days)
        ]

    def _high(self, count: int) -> int:
        return max(LEAST, count * HEIGHT // self.most) if count else 0


def days_of(link: ShareLink, *, at: datetime, count: int = 30) -> Days:
    """The ``count`` days of the organization's clock that end with the one of ``at``, by one query.

    ``link.org`` is asked for its clock. Context of ``sharing/_days.html`` under the name ``days``.
    """
    last = at.astimezone(link.org.clock).date()
    wanted = [last - timedelta(days=back) for back in reversed(range(count))]
    rows = LinkDay.unscoped.filter(link=link, day__range=(wanted[0], last))
    found = {
        day: Day(day, views, visitors, refused)
        for day, views, visitors, refused in rows.values_list("day", "views", "visitors", "refused_passwords")
    }
    return Days(tuple(found.get(day) or Day(day) for day in wanted))
