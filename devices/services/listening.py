"""What there is for cameras that listen, asked for many of them at once."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils import timezone

from devices.models import Command, CommandStatus, Device, DeviceKey
from devices.services.progress import mark_sent
from devices.services.sightings import SIGHTING_INTERVAL, note_sightings

RECENTLY = timedelta(minutes=1)


class Listener(NamedTuple):
    """A camera that listens, by which key, and which commands it was told on this connection."""

    key_id: uuid.UUID
    device_id: uuid.UUID
    told: Collection[uuid.UUID]


@dataclass
class News:
    """What a camera may know now. ``commands``: those to be told; ``open``: all that are not closed yet."""

    configuration_version: int
    listened_at: datetime | None
    commands: list[Command] = field(default_factory=list)
    open: set[uuid.UUID] = field(default_factory=set)


def collect_news(*, listeners: Sequence[Listener]) -> dict[uuid.UUID, News]:
    """Return what there is for each camera, by its id.

    Who is missing in it must not listen any more: its key has ended, or it was taken out of service, or its
    organization was suspended. What was sent over another connection is told again: nobody knows whether
    that connection was still alive.
    """
    now = timezone.now()
    news = _those_who_may_listen(listeners, now)
    told = {listener.device_id: listener.told for listener in listeners}
    for command in Command.unscoped.open_at(now).filter(device__in=list(news)).order_by("pk"):
        of_camera = news[command.device_id]
        of_camera.open.add(command.pk)
        if command.pk not in told[command.device_id]:
            of_camera.commands.append(command)
    return news


def note_told(*, news: Mapping[uuid.UUID, News]) -> None:
    """Note which commands were told with it, and once a minute that the cameras listen.

    Afterwards, so that no camera waits for it. What could not be noted stays queued.
    """
    now = timezone.now()
    told = [command for of_camera in news.values() for command in of_camera.commands]
    if queued := [command.pk for command in told if command.status == CommandStatus.QUEUED]:
        mark_sent(Command.unscoped.filter(pk__in=queued), now=now)
    long_ago = now - SIGHTING_INTERVAL
    unnoted = [pk for pk, one in news.items() if one.listened_at is None or one.listened_at <= long_ago]
    if unnoted:
        note_sightings(device_ids=unnoted, at=now, listening=True)


def open_commands() -> Iterable[tuple[uuid.UUID, uuid.UUID]]:
    """Return camera and id of each command that is not closed, of all cameras that may be seen; they are few."""
    return Command.unscoped.open_at(timezone.now()).values_list("device_id", "pk")


def recent_configurations() -> Iterable[tuple[uuid.UUID, int]]:
    """Return camera and version of each configuration changed within a minute, of all cameras that may be seen.

    A minute, so that it is found although its transaction took long, or the processes' clocks differ.
    """
    since = timezone.now() - RECENTLY
    return Device.unscoped.filter(configured_at__gt=since).values_list("pk", "configuration_version")


def _those_who_may_listen(listeners: Sequence[Listener], now: datetime) -> dict[uuid.UUID, News]:
    shown = [listener.key_id for listener in listeners]
    keys = DeviceKey.unscoped.usable_at(now).filter(pk__in=shown, org__suspended_at=None)
    found = keys.values_list("device_id", "device__configuration_version", "device__status__listened_at")
    return {device_id: News(version, listened_at) for device_id, version, listened_at in found}
