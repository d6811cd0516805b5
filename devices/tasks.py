"""What the scheduler calls (SCHEDULE in the settings)."""

import logging

from devices.plans import warn_of_limits
from devices.services import commands, firing, reminders, rotation, schedules
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


def prune_commands() -> None:
    """Delete the commands that were over long ago."""
    with scope.across_organizations("commands of all organizations grow old"):
        if pruned := commands.prune_commands():
            logger.info("Commands that were over long ago: %d, deleted.", pruned)


def remind_of_expiring_keys() -> None:
    """Tell owners of camera keys that are about to end. Running it twice, or at once, tells them once."""
    if told := reminders.remind_of_expiring_keys():
        logger.info("Keys of cameras that owners were told the end of: %d.", told)
    with scope.across_organizations("keys of all organizations end"):
        rotation.forget_undeliverable()


def fire_schedules() -> None:
    """Tell cameras of the runs of their schedules that are due. Running it twice, or at once, tells them once."""
    with scope.across_organizations("schedules of all organizations come due"):
        firing.fire_due_schedules()


def follow_time_zones() -> None:
    """Let schedules follow the time zones of organizations that have moved."""
    with scope.across_organizations("organizations move to other time zones"):
        if moved := schedules.follow_time_zones():
            logger.info("Cameras whose schedules follow another time zone: %d.", moved)
