"""What the scheduler calls (SCHEDULE in the settings)."""

import logging

from captures.calendar import rejections, settling

logger = logging.getLogger(__name__)


def settle_calendar() -> None:
    """Bring the calendar of all cameras up to now. Running it twice, or at once, does no harm."""
    settling.settle_calendar()


def prune_rejections() -> None:
    """Forget old refusals."""
    if count := rejections.prune_rejections():
        logger.info("Old refusals forgotten: %d.", count)
