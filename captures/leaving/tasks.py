"""What workers and the scheduler do for who leaves."""

import logging

from django.utils import timezone
from django_tasks import task

from captures.leaving.deleting import delete_organization
from captures.leaving.services import is_export_waiting, make_next_export, remove_expired_exports
from captures.upkeep import is_upkeep_held
from orgs.models import Deletion

logger = logging.getLogger(__name__)


@task()
def make_exports() -> None:
    """Make all exports that wait. A wake-up: what there is to do stands in their rows."""
    while make_next_export():
        pass


def wake_exports() -> None:
    """Have a worker make what waits, and delete what is over."""
    if is_export_waiting():
        make_exports.enqueue()
    remove_expired_exports()


def delete_due_organizations() -> None:
    """Delete those whose waiting time is over, one after the other.

    Not since a restore onto a storage that had other files, until an operator says so.
    """
    due = Deletion.objects.due_at(timezone.now())
    if due and is_upkeep_held():
        logger.warning(
            "No organization is deleted since the restore; see docs/backup.md, then sweep_files --resume."
        )
        return
    for deletion in due:
        delete_organization(deletion)
