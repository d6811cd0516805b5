"""Deleting an organization: asked for by an owner, waited for, taken back, and then done for good.

What is deleted, and how, stands in ``captures/leaving/deleting.py``, where all of it can be seen.
"""

import logging
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from orgs.audit import record
from orgs.errors import Conflict, Invalid
from orgs.mails import mail_owners
from orgs.models import Deletion, Organization, User

logger = logging.getLogger(__name__)

# A process that deletes says so often that it is at work; after so long a silence another one goes on.
LEASE = timedelta(minutes=10)


class NameDiffers(Invalid):
    code = "name_differs"


class DeletionAskedAlready(Conflict):
    code = "deletion_asked_already"


class NothingToTakeBack(Conflict):
    code = "nothing_to_take_back"


def deletion_of(org: Organization) -> Deletion | None:
    """The deletion that is to come, or None."""
    return Deletion.objects.unfinished().filter(organization_id=org.pk).first()


@transaction.atomic
def ask_for_deletion(*, org: Organization, typed_name: str, acting_user: User) -> Deletion:
    """Have the organization deleted after the waiting time; its owners are told, and each can take it back.

    ``typed_name`` must be its name. Raises :class:`NameDiffers` or :class:`DeletionAskedAlready`.
    """
    if typed_name.strip() != org.name:
        raise NameDiffers(f"Type the name exactly: {org.name}", fields={"typed_name": f"It is not {org.name}."})
    due_at = timezone.now() + timedelta(days=settings.VISANT_DELETION_DAYS)
    deletion = make_deletion(org=org, due_at=due_at)
    record("organization.deletion_asked", org=org, actor=acting_user, target=org, after={"due_at": due_at})
    sentence = f"{acting_user} asked that {org.name} be deleted, with all its cameras and pictures."
    text = f"{sentence} It is done after {due_at:%d %B %Y, %H:%M} UTC. Until then any owner can take it back."
    transaction.on_commit(partial(_tell_owners, org, text))
    return deletion


@transaction.atomic
def take_back_deletion(*, org: Organization, acting_user: User) -> None:
    """Let the organization stay. Raises :class:`NothingToTakeBack`, also when it has begun."""
    open_ones = Deletion.objects.unfinished().filter(organization_id=org.pk, begun_at=None)
    if not open_ones.update(taken_back_at=timezone.now()):
        raise NothingToTakeBack("There is no deletion that could be taken back.")
    record("organization.deletion_taken_back", org=org, actor=acting_user, target=org)


def make_deletion(*, org: Organization, due_at: datetime) -> Deletion:
    """Note that an organization is to be deleted. Raises :class:`DeletionAskedAlready`."""
    try:
        with transaction.atomic():
            return Deletion.objects.create(organization_id=org.pk, due_at=due_at)
    except IntegrityError as error:
        raise DeletionAskedAlready("The organization is to be deleted already.") from error


def claim_deletion(deletion: Deletion) -> bool:
    """Begin, or go on where another process ended. From here on nothing is taken back, and nobody gets in.

    False when it was taken back, is not due or is being worked on.
    """
    now = timezone.now()
    with transaction.atomic():
        due = Deletion.objects.due_at(now).filter(pk=deletion.pk)
        if not due.update(claimed_until=now + LEASE):
            return False
        Deletion.objects.filter(pk=deletion.pk, begun_at=None).update(begun_at=now)
        Organization.objects.filter(pk=deletion.organization_id, suspended_at=None).update(suspended_at=now)
    deletion.refresh_from_db()
    return True


def _tell_owners(org: Organization, text: str) -> None:
    try:
        mail_owners(org, subject=f"{org.name} is to be deleted", text=text)
    except OSError as error:
        logger.warning("The owners of %s could not be told of its deletion: %s", org.pk, error)
