"""Changes of what a camera is to do are counted; it is told of each."""

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from devices.announcements import announce
from devices.models import Device, DeviceStatus
from devices.services.reported_configuration import note_differences


@transaction.atomic
def bump_configuration(device: Device) -> None:
    """Count a change of what the camera is to do, and tell it. To be called once the change is written."""
    Device.unscoped.filter(pk=device.pk).update(
        configuration_version=F("configuration_version") + 1, configured_at=timezone.now()
    )
    device.refresh_from_db(fields=["configuration_version", "configured_at"])
    status = DeviceStatus.unscoped.select_for_update().filter(device=device).first()
    if status is not None and status.reported_at is not None:
        note_differences(device, status, version=device.configuration_version)
        status.save(update_fields=["differs_since"])
    announce(device.pk)
