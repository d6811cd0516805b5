"""What came in since the calendar looked last: which days of which cameras it changes."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Max
from django.db.models.functions import TruncHour

from captures.calendar.days import moment_id
from captures.calendar.models import Rejection
from captures.models import Capture

HOUR = timedelta(hours=1)


@dataclass
class News:
    """Of one camera: the hours of which pictures came or were refused, and when the last one came."""

    hours: set[datetime] = field(default_factory=set)
    received_at: datetime | None = None

    def days(self, zone: ZoneInfo) -> Iterator[date]:
        """The days of these hours on a clock; where its days begin within an hour, one too many."""
        for hour in self.hours:
            yield hour.astimezone(zone).date()
            yield (hour + HOUR - timedelta(microseconds=1)).astimezone(zone).date()


def news_since(moment: datetime) -> dict[uuid.UUID, News]:
    """Return what came after ``moment``, by camera. Two queries, along the ids, which grow with time."""
    first = moment_id(moment)
    each: dict[uuid.UUID, News] = defaultdict(News)
    hour = TruncHour("captured_at", tzinfo=UTC)
    captures = Capture.unscoped.filter(pk__gte=first).values_list("device_id", hour)
    for device_id, taken, received_at in captures.annotate(Max("received_at")).order_by():
        news = each[device_id]
        news.hours.add(taken)
        news.received_at = max(filter(None, (news.received_at, received_at)))
    rejections: Iterable[tuple[uuid.UUID, datetime]] = (
        Rejection.unscoped.filter(pk__gte=first).values_list("device_id", hour).distinct()
    )
    for device_id, taken in rejections:
        each[device_id].hours.add(taken)
    return each
