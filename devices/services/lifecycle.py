"""A camera's service: suspended and resumed, retired and taken back. Its archive stays through all of it."""

from django.db import transaction
from django.utils import timezone

from devices.announcements import announce
from devices.models import Command, CommandStatus, Device, DeviceQuerySet
from devices.services.devices import take_slot
from devices.services.progress import close
from orgs.audit import record
from orgs.errors import Conflict
from orgs.models import User


class DeviceOutOfUse(Conflict):
    """The camera is retired; what was asked for is for cameras in service."""

    code = "device_is_retired"


@transaction.atomic
def suspend_device(*, device: Device, acting_user: User | None) -> None:
    """Take nothing of the camera until it is resumed; it keeps its slot, and its pictures to itself.

    Suspending it again changes nothing. Raises :class:`DeviceOutOfUse`.
    """
    refuse_retired(device)
    active = Device.unscoped.filter(pk=device.pk, suspended_at=None, retired_at=None)
    if active.update(suspended_at=timezone.now()):
        _note("camera.suspended", device, acting_user)
    device.refresh_from_db()


@transaction.atomic
def resume_device(*, device: Device, acting_user: User | None) -> None:
    """End the suspension. Of a camera that is not suspended nothing changes. Raises :class:`DeviceOutOfUse`."""
    refuse_retired(device)
    suspended = Device.unscoped.filter(pk=device.pk, suspended_at__isnull=False, retired_at=None)
    if _take_back(suspended):
        _note("camera.resumed", device, acting_user)
    device.refresh_from_db()


@transaction.atomic
def retire_device(*, device: Device, acting_user: User | None) -> None:
    """Take the camera out of service: its slot is free, its pictures stay, what it was told ends.

    Its keys stay as they are, and open nothing until it is reinstated. Retiring it again changes nothing.
    """
    now = timezone.now()
    if Device.unscoped.filter(pk=device.pk, retired_at=None).update(retired_at=now):
        close(Command.unscoped.filter(device=device), CommandStatus.EXPIRED, now=now)
        _note("camera.retired", device, acting_user)
    device.refresh_from_db()


@transaction.atomic
def reinstate_device(*, device: Device, acting_user: User | None) -> None:
    """Take a retired camera back into service, in which it takes a slot again. Others stay as they are.

    It is active then, also if it was suspended before. Raises ``TooManyDevices``.
    """
    if Device.unscoped.filter(pk=device.pk, retired_at__isnull=False).exists():
        take_slot(device.org)
        if _take_back(Device.unscoped.filter(pk=device.pk, retired_at__isnull=False)):
            _note("camera.reinstated", device, acting_user)
    device.refresh_from_db()


def refuse_retired(device: Device) -> None:
    """Raise :class:`DeviceOutOfUse` for a camera that is retired."""
    if device.retired_at is not None:
        raise DeviceOutOfUse(f"{device} is retired. Reinstate it first.")


def _take_back(out: DeviceQuerySet) -> bool:
    """Take the camera of ``out`` back into service, and keep when it was not; False when there is none."""
    row = out.select_for_update(no_key=True).first()
    if row is None or row.out_since is None:
        return False
    # Clocks differ: another process may have begun it a moment ahead of this one.
    ended_at = max(timezone.now(), row.out_since)
    row.service_breaks.create(org_id=row.org_id, began_at=row.out_since, ended_at=ended_at)
    row.suspended_at = row.retired_at = None
    row.save(update_fields=["suspended_at", "retired_at"])
    return True


def _note(action: str, device: Device, acting_user: User | None) -> None:
    record(action, org=device.org_id, actor=acting_user, target=device, device=device)
    announce(device.pk)
