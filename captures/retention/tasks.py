"""What the scheduler calls (SCHEDULE in the settings)."""

import logging

from captures.retention import deleting, pruning

logger = logging.getLogger(__name__)


def prune_tonight() -> None:
    """Prune the organizations whose night has come, each once. Running it twice, or at once, does no harm."""
    pruning.prune_tonight()


def forget_deleted() -> None:
    if count := deleting.forget_deleted():
        logger.info("Deletions of long ago forgotten: %d.", count)
