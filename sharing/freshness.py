"""How old the newest picture of a link is, by the camera's schedules, and when the next one may come."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from devices.clocks import zone_of
from devices.models import Device
from devices.planning import next_of_each_rule

# How long a picture may take from the camera to its verdict.
UNDER_WAY = timedelta(minutes=5)
# Of a camera without schedules nobody knows when the next picture comes: one of today is fresh.
RECENT = timedelta(days=1)
# So often whoever looks asks again, at most and at least.
SOONEST, LATEST = timedelta(seconds=30), timedelta(hours=1)
UNPLANNED = timedelta(minutes=1)
# An age that is drawn into a picture holds for so long at least: each is one more to make.
DRAWN_STEP = timedelta(minutes=5)


@dataclass(frozen=True)
class Freshness:
    """``is_stale``: two pictures that were planned since are not there. ``asks_in``: when to look again."""

    captured_at: datetime
    at: datetime
    is_stale: bool
    asks_in: timedelta

    @property
    def age(self) -> str:
        return age_in_words(self.at - self.captured_at)

    @property
    def words(self) -> str:
        return f"last picture {self.age}"

    @property
    def drawn(self) -> str:
        """The same for a picture that says it itself: below an hour in steps of five minutes."""
        age = self.at - self.captured_at
        return f"last picture {age_in_words(age - age % DRAWN_STEP)}"


def freshness_of(
    device: Device, *, captured_at: datetime, free_from: datetime, delay: timedelta, at: datetime
) -> Freshness:
    """Of a picture that was captured then, by one query.

    ``free_from``: from when on the next picture would be shown; ``delay``: how much later than it is taken.
    """
    planned = next_of_each_rule(device, after=free_from, count=2, fallback=zone_of(device))
    seconds = [moments[1] for moments in planned if len(moments) == 2]
    if not planned:
        return Freshness(captured_at, at, captured_at + RECENT + delay < at, UNPLANNED)
    is_stale = any(moment + delay + UNDER_WAY < at for moment in seconds)
    following = [moments[0] + delay + SOONEST for moments in planned if moments]
    # What is due and not there yet may come at any moment.
    waits = min(following, default=at) - at
    return Freshness(captured_at, at, is_stale, min(max(waits, SOONEST), LATEST))


def age_in_words(age: timedelta) -> str:
    """Like “3 h ago”."""
    for size, name in ((86_400, "day"), (3600, "h"), (60, "min")):
        count = int(age.total_seconds()) // size
        if count >= 1:
            return f"{count} {name}{'s' if name == 'day' and count > 1 else ''} ago"
    return "just now"
