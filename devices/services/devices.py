"""Cameras: every change to them."""

from uuid import UUID

from django.db import transaction

from devices.models import Device, DeviceStatus
from devices.services.configuration_version import bump_configuration
from devices.services.keys import issue_key
from orgs.audit import record
from orgs.errors import Invalid, LimitReached
from orgs.models import Organization, User
from orgs.services.validation import validate


class InvalidDevice(Invalid):
    code = "invalid_device"


class TooManyDevices(LimitReached):
    code = "too_many_devices"


@transaction.atomic
def add_device(*, org: Organization, name: str, acting_user: User | None) -> tuple[Device, str]:
    """Register a camera and return it with its first key, which is shown this once."""
    device = register_device(org=org, name=name, acting_user=acting_user)
    return device, issue_key(device=device, acting_user=acting_user)[1]


@transaction.atomic
def register_device(*, org: Organization, name: str, acting_user: User | None, external_id: str = "") -> Device:
    """Register a camera that has no key yet. Raises :class:`TooManyDevices` or :class:`InvalidDevice`."""
    org = take_slot(org)
    device = Device(org=org, name=name.strip(), external_id=external_id)
    validate(device, InvalidDevice)
    device.save(force_insert=True)
    DeviceStatus.unscoped.create(device=device, org=org)
    record("camera.added", org=org, actor=acting_user, target=device, after={"name": device.name}, device=device)
    return device


def keep_external_id(*, device: Device, external_id: str) -> None:
    """Note what the camera calls itself since an earlier system, if nothing was noted yet."""
    if Device.unscoped.filter(pk=device.pk, external_id="").update(external_id=external_id):
        device.external_id = external_id


@transaction.atomic
def keep_former_id(*, device: Device, former_id: UUID, external_id: str) -> None:
    """Note the id that the camera had where it was exported, and what it calls itself, if nothing was noted yet.

    Imports of earlier versions noted that id as what it calls itself, which is put right.
    """
    row = Device.unscoped.select_for_update(no_key=True).get(pk=device.pk)
    if row.former_id is None and row.pk != former_id:
        row.former_id = former_id
    if row.external_id in ("", str(former_id)):
        is_taken = row.org.devices.filter(external_id=external_id).exclude(pk=row.pk).exists()
        row.external_id = "" if is_taken else external_id
    row.save(update_fields=["former_id", "external_id"])
    device.former_id, device.external_id = row.former_id, row.external_id


def take_slot(org: Organization) -> Organization:
    """Lock the organization, so that two requests cannot both take the last place; return it as it is now.

    Raises :class:`TooManyDevices` when there is none.
    """
    org = Organization.objects.select_for_update(no_key=True).get(pk=org.pk)
    if org.device_limit is not None and org.devices.in_service().count() >= org.device_limit:
        cameras = "1 camera" if org.device_limit == 1 else f"{org.device_limit} cameras"
        raise TooManyDevices(
            f"Your plan covers {cameras}. An owner can redeem an activation code for more, on the page Plan; "
            "ask whoever runs this Visant for one."
        )
    return org


@transaction.atomic
def rename_device(*, device: Device, name: str, acting_user: User | None) -> None:
    """Give the camera another name, and tell it. Raises :class:`InvalidDevice` if it is taken or too long."""
    # Lock the organization, so that two cameras cannot both take the name.
    Organization.objects.select_for_update(no_key=True).get(pk=device.org_id)
    row = Device.unscoped.get(pk=device.pk)
    before, row.name = row.name, name.strip()
    validate(row, InvalidDevice)
    row.save(update_fields=["name"])
    device.name = row.name
    bump_configuration(row)  # its name is a part of what the camera is told
    record(
        "camera.renamed",
        org=row.org_id,
        actor=acting_user,
        target=row,
        before={"name": before},
        after={"name": row.name},
        device=row,
    )
