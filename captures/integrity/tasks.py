"""What the scheduler calls (SCHEDULE in the settings)."""

from captures.integrity import checking


def check_integrity_daily() -> None:
    """The day's turn, once. Running it twice, or at once, does no harm."""
    checking.check_integrity_daily()
