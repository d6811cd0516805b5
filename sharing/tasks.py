"""What the scheduler calls (SCHEDULE in the settings)."""

import logging

from django.utils import timezone

from sharing.services import ending, reminders

logger = logging.getLogger(__name__)


def end_links() -> None:
    """Take back links whose makers lost the right to share them."""
    if ended := ending.revoke_powerless(at=timezone.now()):
        logger.info("Links that ended with their maker's right: %d.", ended)


def remind_of_unopened() -> None:
    """Tell makers of links that nobody has opened. Running it twice, or at once, tells them once a week."""
    if told := reminders.remind_of_unopened(at=timezone.now()):
        logger.info("Organizations whose members were told of unopened links: %d.", told)
