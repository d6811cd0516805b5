"""Which unit serves which camera, and the keys that came to it."""

from django.db import transaction
from django.utils import timezone

from devices.announcements import announce
from devices.models import Device, DeviceKey, Installation, Unit
from devices.services.keys import revoke_key
from orgs.models import User


def find_installation(unit: Unit) -> Installation | None:
    """Return the camera that a unit serves, with its unit, as far as the scope lets one see."""
    serving = Installation.unscoped.filter(unit=unit, removed_at=None)
    return serving.select_related("device", "unit", "key").first()


def installation_of(device: Device) -> Installation | None:
    """Return the unit that serves a camera, or None for a camera without one."""
    serving = Installation.unscoped.filter(device=device, removed_at=None)
    return serving.select_related("device", "unit", "key").first()


def install(*, unit: Unit, device: Device, acting_user: User | None) -> Installation:
    """Let a unit serve a camera, neither of which has another. It may fetch its key from now on."""
    return Installation.unscoped.create(
        org_id=device.org_id, device=device, unit=unit, installed_by=acting_user, installed_at=timezone.now()
    )


@transaction.atomic
def end_installation(*, installation: Installation, acting_user: User | None) -> None:
    """End a unit's service at a camera, and its keys. What the unit may do now is for the caller to say."""
    revoke_keys(installation=installation, acting_user=acting_user)
    Installation.unscoped.filter(pk=installation.pk).update(removed_at=timezone.now())
    announce(installation.device_id)


@transaction.atomic
def revoke_keys(*, installation: Installation, acting_user: User | None) -> None:
    """End at once the key that was handed to the unit, and those that replaced it since. Others stay."""
    row = Installation.unscoped.select_for_update().get(pk=installation.pk)
    keys = DeviceKey.unscoped.filter(device=row.device_id)
    generation = list(keys.filter(pk=row.key_id)) if row.key_id else []
    while generation:
        for key in generation:
            revoke_key(key=key, acting_user=acting_user)
        generation = list(keys.filter(replaces__in=generation))
