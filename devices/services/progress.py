"""How far commands are: the changes of their state, wherever they come from."""

from datetime import datetime

from devices.models import OPEN, CommandQuerySet, CommandStatus


def mark_sent(commands: CommandQuerySet, *, now: datetime) -> int:
    """Note of those that are queued that they were written to a connection; return how many."""
    return commands.filter(status=CommandStatus.QUEUED).update(status=CommandStatus.SENT, sent_at=now)


def close(commands: CommandQuerySet, status: CommandStatus, *, now: datetime, reason: str = "") -> int:
    """Close those that are open; return how many. What is closed stays as it is."""
    return close_again(commands.filter(status__in=OPEN), status, now=now, reason=reason)


def close_again(commands: CommandQuerySet, status: CommandStatus, *, now: datetime, reason: str = "") -> int:
    """Close them all, whatever they were closed as before; return how many."""
    return commands.update(status=status, closed_at=now, reason=reason[:300])
