"""Commands beside their pictures: a picture names the ``trigger_id`` it was taken for."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from captures.access import captures_of
from captures.models import Capture
from devices.access import commands_of
from devices.models import OPEN, Command, CommandStatus, Device
from orgs.models import Membership

LATELY = 10
# So long the page shows what was asked for by hand.
SHOWN = timedelta(hours=1)
# A camera's clock may be off by this much, and its picture is still found by another name than the trigger's.
CLOCK_ERROR = timedelta(days=1)


@dataclass(frozen=True)
class Told:
    """A command, and its picture if that has come."""

    command: Command
    picture: Capture | None

    @property
    def state(self) -> str:
        """A word: ``Queued``, ``Sent``, ``Arrived``, ``Done``, ``Failed`` or ``Expired``."""
        return "Arrived" if self.picture else self.command.get_status_display()

    @property
    def sentence(self) -> str:
        """How far it is, and no farther: "sent" is not "done", and "done" is not a picture."""
        if self.picture:
            return f"The picture has arrived, {_apart(self.command, self.picture)} after it was asked for."
        return {
            CommandStatus.QUEUED: "The camera is told as soon as it listens.",
            CommandStatus.SENT: "Told to the camera. Waiting for its picture.",
            CommandStatus.DONE: "The camera says it is done. Its picture has not come yet.",
            CommandStatus.FAILED: f"The camera could not take it: {self.command.reason}",
            CommandStatus.EXPIRED: "The camera was told, but no picture came in time."
            if self.command.sent_at
            else "The camera did not listen in time.",
        }[CommandStatus(self.command.status)]

    @property
    def is_settled(self) -> bool:
        """Whether nothing more is to be expected soon: neither a word, nor the picture, nor its preview."""
        if self.picture:
            return bool(self.picture.thumbnail_key) or not self.picture.is_unsettled
        if self.command.status == CommandStatus.DONE:
            return self.command.expires_at <= timezone.now()
        return self.command.status not in OPEN


def newest_by_hand(membership: Membership, device: Device) -> Told | None:
    """The last thing a person asked the camera for, unless that is over for long."""
    lately = commands_of(membership, device).filter(
        schedule=None, due_at=None, created_at__gt=timezone.now() - SHOWN
    )
    return next(iter(_with_pictures(membership, device, lately.newest_first()[:1])), None)


def told_lately(membership: Membership, device: Device) -> list[Told]:
    """What the camera was told last, newest first. Two queries."""
    return _with_pictures(membership, device, commands_of(membership, device).newest_first()[:LATELY])


def _with_pictures(membership: Membership, device: Device, commands: Iterable[Command]) -> list[Told]:
    commands = list(commands)
    if not commands:
        return []
    ids = [command.trigger_id for command in commands]
    since = min(command.created_at for command in commands) - CLOCK_ERROR
    named = Q(record_id__in=ids) | Q(trigger_id__in=ids, captured_at__gte=since)
    found = captures_of(membership, device).filter(named, trigger_id__in=ids).defer("metadata").order_by("-pk")
    pictures = {picture.trigger_id: picture for picture in found}
    return [Told(command, pictures.get(command.trigger_id)) for command in commands]


def _apart(command: Command, picture: Capture) -> str:
    seconds = max(0, round((picture.received_at - command.created_at).total_seconds()))
    return f"{seconds} s" if seconds < 120 else f"{round(seconds / 60)} min"
