"""A picture a camera hands in, with all that follows of it."""

import logging
from collections.abc import Mapping
from typing import Any

from django.db import DatabaseError, InterfaceError
from psycopg_pool import PoolTimeout

from captures.calendar.rejections import is_pictures_fault, note_rejection
from captures.models import Capture
from captures.services import store_capture
from devices.models import Device, DeviceKey
from devices.services.commands import close_command, fail_command
from devices.services.keys import why_over_quota
from orgs.errors import DomainError
from orgs.metering import count_picture

logger = logging.getLogger(__name__)


def take_in_picture(*, key: DeviceKey, data: bytes, **said: Any) -> tuple[Capture, bool]:
    """Keep the picture that came with the camera's key, and return it, and whether it is new.

    ``said``: what the camera says of it, the arguments of :func:`~captures.services.store_capture`. The picture is
    counted, and closes the command it was taken for. Raises what ``store_capture`` raises; that is noted.
    """
    device = key.device
    try:
        capture, created = store_capture(device=device, data=data, not_judged=why_over_quota(key), **said)
    except DomainError as refusal:
        note_refusal(device=device, refusal=refusal, said=said)
        raise
    if created:
        count_picture(key, size=capture.byte_size)
    note_arrival(device=device, trigger_id=said.get("trigger_id", ""))
    return capture, created


def note_arrival(*, device: Device, trigger_id: str) -> None:
    """Close the command that a picture names which is there, be it new or a copy of one that came before."""
    if trigger_id:
        close_command(device_id=device.pk, trigger_id=trigger_id)


def note_refusal(*, device: Device, refusal: DomainError, said: Mapping[str, Any]) -> None:
    """Note a picture that is refused for good, and close the command it was taken for as failed: no other comes.

    A refusal that is not the picture's fault is none: it comes again. What cannot be written is logged: the
    camera's answer stays what it is.
    """
    if not is_pictures_fault(refusal):
        return
    note_rejection(device=device, refusal=refusal, fields=said)
    if trigger_id := said.get("trigger_id"):
        try:
            fail_command(device_id=device.pk, trigger_id=trigger_id, reason=str(refusal))
        except (DatabaseError, InterfaceError, PoolTimeout) as error:
            logger.warning("The command of a refused picture of %s could not be closed: %s", device, error)
