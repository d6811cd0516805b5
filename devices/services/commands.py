"""What cameras are told to do: queued, sent, and closed by what the camera answers."""

import re
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.module_loading import import_string
from visant_camera.schedule import OF_SCHEDULES, SCHEDULE

from devices.announcements import announce
from devices.models import Command, CommandQuerySet, CommandStatus, Device, Schedule
from devices.services.lifecycle import refuse_retired
from devices.services.progress import close, close_again, mark_sent
from orgs.errors import Conflict, Invalid, NotThere
from orgs.ids import uuid7
from orgs.models import User
from orgs.ratelimits import count

# A picture asked for by hand is wanted now, or not any more.
MANUAL_LIFE = timedelta(minutes=15)
# How long what is over can be looked up. Schedules make many, and their pictures are in the calendar.
KEPT, KEPT_OF_SCHEDULES = timedelta(days=30), timedelta(days=7)
DELETED_AT_ONCE = 5_000
# A picture is called so, too: it must fit into an address.
TRIGGER_ID = re.compile(r"[0-9A-Za-z._:-]{1,100}")
# What a picture is that somebody asked for by hand: the type of its command, and its label.
BY_HAND = "manual"


class TriggerIdTaken(Conflict):
    code = "trigger_id_taken"


class InvalidTrigger(Invalid):
    code = "invalid_trigger"


class DeviceIsSuspended(Conflict):
    """What was asked for is for cameras in service. The camera itself is told ``device_suspended``."""

    code = "device_is_suspended"


class CommandNotThere(NotThere):
    code = "command_not_found"


def ask_for_picture(
    *, device: Device, acting_user: User, trigger_id: str = "", trigger_type: str = BY_HAND
) -> Command:
    """Have the camera take a picture now, as a person asks for it.

    Raises :class:`InvalidTrigger`, :class:`TriggerIdTaken`, :class:`DeviceIsSuspended`, ``DeviceOutOfUse`` of a
    retired camera, and ``TooManyRequests``.
    """
    refuse_retired(device)
    if device.suspended_at is not None:
        raise DeviceIsSuspended(f"{device} is suspended. Resume it first.")
    if trigger_id and not TRIGGER_ID.fullmatch(trigger_id):
        raise InvalidTrigger("A trigger id has up to 100 letters, digits, dots, colons, hyphens and underscores.")
    # Nobody else may call anything so: a run whose name is taken is not fired any more.
    if trigger_id.startswith(OF_SCHEDULES) or trigger_type == SCHEDULE:
        raise InvalidTrigger("“schedule” is what schedules call their runs; choose another type or trigger id.")
    if trigger_id and import_string(settings.IS_NAME_OF_PICTURE)(device_id=device.pk, record_id=trigger_id):
        raise TriggerIdTaken(f"A picture of the camera is called {trigger_id} already; choose another trigger id.")
    count("trigger_device", device.pk)
    return queue_command(device=device, trigger_id=trigger_id, trigger_type=trigger_type, acting_user=acting_user)


def find_command(*, commands: CommandQuerySet, trigger_id: str) -> Command:
    """Return which of a camera's commands it was told under that id. Raises :class:`CommandNotThere`."""
    command = commands.filter(trigger_id=trigger_id).first() if TRIGGER_ID.fullmatch(trigger_id) else None
    if command is None:
        raise CommandNotThere("The camera was told nothing under this trigger id, or it was long ago.")
    return command


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
    """Return what the camera is to be told now, oldest first, as it was before, and note it as sent.

    ``again``: with what was sent before and is not closed yet, as a new connection needs it. What is not written
    to the camera after all, because the process or the line dies, comes again with its next connection.
    """
    now = timezone.now()
    wanted = Command.unscoped.open_at(now).filter(device=device_id)
    if not again:
        wanted = wanted.filter(status=CommandStatus.QUEUED)
    commands = list(wanted.order_by("pk"))
    if commands:
        mark_sent(Command.unscoped.filter(pk__in=[command.pk for command in commands]), now=now)
    return commands


def close_command(*, device_id: uuid.UUID, trigger_id: str) -> bool:
    """Note that the picture has come; return whether that is news.

    It is better evidence than what was noted before: it also closes what had failed or expired. Closing again,
    or what was never told, changes nothing.
    """
    command = Command.unscoped.filter(device=device_id, trigger_id=trigger_id)
    return bool(close_again(command.exclude(status=CommandStatus.DONE), CommandStatus.DONE, now=timezone.now()))


def fail_command(*, device_id: uuid.UUID, trigger_id: str, reason: str) -> bool:
    """Note that its picture was refused for good, and why; return whether that is news.

    What is closed stays as it is, and a picture that is taken after all closes it as done.
    """
    if not TRIGGER_ID.fullmatch(trigger_id):
        return False
    command = Command.unscoped.filter(device=device_id, trigger_id=trigger_id)
    return bool(close(command, CommandStatus.FAILED, now=timezone.now(), reason=reason))


def acknowledge_command(*, device: Device, trigger_id: str, failure: str = "") -> Command:
    """Note what the camera says of it: that it is done, or with ``failure`` why it could not be.

    The first word counts: a second one, or one after its time was up, changes nothing. Raises
    :class:`CommandNotThere`.
    """
    command = find_command(commands=device.commands.all(), trigger_id=trigger_id)
    says = CommandStatus.FAILED if failure else CommandStatus.DONE
    close(Command.unscoped.filter(pk=command.pk), says, now=timezone.now(), reason=failure)
    command.refresh_from_db()
    return command


def expire_commands(*, now: datetime | None = None) -> int:
    """Close what was not done in time; return how many. Safe to run often and at once."""
    now = now or timezone.now()
    return close(Command.unscoped.filter(expires_at__lte=now), CommandStatus.EXPIRED, now=now)


def prune_commands(*, now: datetime | None = None) -> int:
    """Delete what was over long ago; return how many. Safe to run often and at once."""
    now = now or timezone.now()
    of_schedules = Q(schedule__isnull=False, closed_at__lte=now - KEPT_OF_SCHEDULES)
    old = Command.unscoped.filter(Q(closed_at__lte=now - KEPT) | of_schedules)
    pruned = 0
    # In parts, so that no other write waits for all of it.
    while some := list(old.values_list("pk", flat=True)[:DELETED_AT_ONCE]):
        pruned += Command.unscoped.filter(pk__in=some).delete()[0]
    return pruned
