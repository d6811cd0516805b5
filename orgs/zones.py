"""Time zones by their names. One that was chosen once may not be known to this computer any more."""

from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


@lru_cache(maxsize=1024)
def find_zone(name: str) -> ZoneInfo | None:
    """The zone of that name; None where this computer knows none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def first_known(*names: str) -> ZoneInfo:
    """The first of these that this computer knows, else UTC."""
    return next(filter(None, map(find_zone, names)), ZoneInfo("UTC"))
