"""What cameras are told to do: queued, sent, and closed by what the camera answers."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from devices.announcements import announce
from devices.models import OPEN, Command, CommandStatus, Device, Schedule
from orgs.errors import Conflict, NotThere
from orgs.ids import uuid7
from orgs.models import User

# A picture asked for by hand is wanted now, or not any more.
MANUAL_LIFE = timedelta(minutes=15)


class TriggerIdTaken(Conflict):
    code = "trigger_id_taken"


class CommandNotThere(NotThere):
    code = "command_not_found"


@transaction.atomic
def queue_command(
    *,
    device: Device,
    trigger_type: str,
    trigger_id: str = "",
    parameters: dict[str, Any] | None = None,
    life: timedelta = MANUAL_LIFE,
    schedule: Schedule | None = None,
    due_at: datetime | None = None,
    acting_user: User | None = None,
) -> Command:
    """Have the camera take a picture. It is told at once if it listens, else as soon as it does, within ``life``.

    Raises :class:`TriggerIdTaken` when the camera had a command of this ``trigger_id``.
    """
    now = timezone.now()
    try:
        with transaction.atomic():
            command = Command.unscoped.create(
                org_id=device.org_id,
                device=device,
                trigger_id=trigger_id or str(uuid7()),
                trigger_type=trigger_type,
                parameters=parameters or {},
                schedule=schedule,
                due_at=due_at,
                created_at=now,
                created_by=acting_user,
                expires_at=now + life,
            )
    except IntegrityError as error:
        raise TriggerIdTaken(
            f"The camera was told something under the trigger id {trigger_id} already."
        ) from error
    announce(device.pk)
    return command


def take_commands(*, device_id: uuid.UUID, again: bool) -> list[Command]:
    """Return what the camera is to be told now, oldest first, and note it as sent.

    ``again``: with what was sent before and is not closed yet, as a new connection needs it. What is not written
    to the camera after all, because the process or the line dies, comes again with its next connection.
    """
    now = timezone.now()
    wanted = Command.unscoped.open_at(now).filter(device=device_id)
    if not again:
        wanted = wanted.filter(status=CommandStatus.QUEUED)
    commands = list(wanted.order_by("pk"))
    if commands:
        queued = Command.unscoped.filter(pk__in=[command.pk for command in commands], status=CommandStatus.QUEUED)
        queued.update(status=CommandStatus.SENT, sent_at=now)
    return commands


def close_command(*, device_id: uuid.UUID, trigger_id: str, failure: str = "") -> bool:
    """Note that the camera did it, or with ``failure`` that it could not; return whether that is news.

    A picture is better evidence than what was noted before: it also closes what had failed or expired. Closing
    again, or what was never told, changes nothing.
    """
    closed = {"closed_at": timezone.now(), "reason": failure[:300]}
    command = Command.unscoped.filter(device=device_id, trigger_id=trigger_id)
    if failure:
        return bool(command.filter(status__in=OPEN).update(status=CommandStatus.FAILED, **closed))
    return bool(command.exclude(status=CommandStatus.DONE).update(status=CommandStatus.DONE, **closed))


def expire_commands(*, now: datetime | None = None) -> int:
    """Close what was not done in time; return how many. Safe to run often and at once."""
    now = now or timezone.now()
    over = Command.unscoped.filter(status__in=OPEN, expires_at__lte=now)
    return over.update(status=CommandStatus.EXPIRED, closed_at=now)
