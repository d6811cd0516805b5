"""What workers and the scheduler (SCHEDULE in the settings) do."""

import logging

from django_tasks import task

from captures.retention import deleting, foreseeing, pruning
from captures.upkeep import is_upkeep_held

logger = logging.getLogger(__name__)


def prune_tonight() -> None:
    """Prune the organizations whose night has come, each once. Running it twice, or at once, does no harm.

    Not since a restore onto a storage that had other files, until an operator says so.
    """
    if is_upkeep_held():
        logger.warning("Nothing is pruned since the restore; see docs/backup.md, then sweep_files --resume.")
        return
    pruning.prune_tonight()


def forget_deleted() -> None:
    if count := deleting.forget_deleted():
        logger.info("Deletions of long ago forgotten: %d.", count)


@task()
def count_forecasts() -> None:
    """Count all that was asked for. A wake-up: what there is to do stands in their rows."""
    while foreseeing.count_next_forecast():
        pass


def wake_forecasts() -> None:
    """Have a worker count what waits, also what a killed one left, and forget what is over."""
    if foreseeing.is_forecast_waiting():
        count_forecasts.enqueue()
    foreseeing.forget_forecasts()
