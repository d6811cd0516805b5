"""What the scheduler calls (SCHEDULE in the settings)."""

import logging

from devices.plans import warn_of_limits
from devices.services import commands
from orgs import scope

logger = logging.getLogger(__name__)


def warn_near_limits() -> None:
    """Tell owners that a limit of their plan is near or reached. Running it twice, or at once, tells them once."""
    if told := warn_of_limits():
        logger.info("Limits that owners were told of: %d.", told)


def expire_commands() -> None:
    """Close the commands whose time is up."""
    with scope.across_organizations("commands of all organizations run out"):
        commands.expire_commands()
