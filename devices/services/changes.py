"""What people change of a camera in one go."""

from django.db import transaction

from devices.models import Device
from devices.services.configuring import configure_device
from devices.services.devices import rename_device
from orgs.models import User


@transaction.atomic
def change_device(
    *, device: Device, acting_user: User | None, name: str | None = None, time_zone: str | None = None
) -> None:
    """Rename the camera, move it to another time zone, or both or neither; None stays as it is.

    Raises ``InvalidDevice`` or ``InvalidConfiguration``.
    """
    if name is not None:
        rename_device(device=device, name=name, acting_user=acting_user)
    if time_zone is not None:
        configure_device(device=device, time_zone=time_zone, acting_user=acting_user)
