"""Cameras and their keys: every change to them."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from devices.models import Device, DeviceKey, DeviceStatus
from orgs import metering, scope
from orgs.audit import record
from orgs.errors import Invalid, LimitReached, NotAuthenticated
from orgs.keys import make_key, matches, prefix_of
from orgs.models import Organization, User
from orgs.ratelimits import count_unknown_secret
from orgs.services.validation import validate

# A camera's sightings are written at most this often, so that presence costs next to nothing.
SIGHTING_INTERVAL = timedelta(minutes=1)


class InvalidDevice(Invalid):
    code = "invalid_device"


class InvalidQuota(Invalid):
    code = "invalid_quota"


class TooManyDevices(LimitReached):
    code = "too_many_devices"


class KeyUnknown(NotAuthenticated):
    code = "key_unknown"


class KeyRevoked(NotAuthenticated):
    code = "key_revoked"


class KeyExpired(NotAuthenticated):
    code = "key_expired"


@transaction.atomic
def add_device(*, org: Organization, name: str, acting_user: User | None) -> tuple[Device, str]:
    """Register a camera and return it with its first key, which is shown this once."""
    # Lock the organization, so that two requests cannot both take the last place.
    org = Organization.objects.select_for_update().get(pk=org.pk)
    if org.device_limit is not None and org.devices.count() >= org.device_limit:
        cameras = "1 camera" if org.device_limit == 1 else f"{org.device_limit} cameras"
        raise TooManyDevices(
            f"Your plan covers {cameras}. An owner can redeem an activation code for more, on the page Plan; "
            "ask whoever runs this Visant for one."
        )
    device = Device(org=org, name=name.strip())
    validate(device, InvalidDevice)
    device.save(force_insert=True)
    DeviceStatus.unscoped.create(device=device, org=org)
    record("camera.added", org=org, actor=acting_user, target=device, after={"name": device.name}, device=device)
    return device, issue_key(device=device, acting_user=acting_user)[1]


@transaction.atomic
def rename_device(*, device: Device, name: str, acting_user: User | None) -> None:
    # Lock the organization, so that two cameras cannot both take the name.
    Organization.objects.select_for_update().get(pk=device.org_id)
    row = Device.unscoped.get(pk=device.pk)
    before, row.name = row.name, name.strip()
    validate(row, InvalidDevice)
    row.save(update_fields=["name"])
    device.name = row.name
    record(
        "camera.renamed",
        org=row.org_id,
        actor=acting_user,
        target=row,
        before={"name": before},
        after={"name": row.name},
        device=row,
    )


@transaction.atomic
def issue_key(
    *,
    device: Device,
    acting_user: User | None,
    expires_at: datetime | None = None,
    daily_quota: int | None = None,
) -> tuple[DeviceKey, str]:
    """Make one more key for the camera. Its text is returned this once and kept nowhere.

    Beyond ``daily_quota`` requests a day pictures are still taken in and kept, but not judged.
    Raises :class:`InvalidQuota`.
    """
    new = make_key("dev")
    key = DeviceKey(
        org_id=device.org_id,
        device=device,
        prefix=new.prefix,
        digest=new.digest,
        pepper_id=new.pepper_id,
        expires_at=expires_at,
        daily_quota=daily_quota,
    )
    validate(key, InvalidQuota)
    key.save(force_insert=True)
    after = {"expires_at": expires_at, "daily_quota": daily_quota}
    record("key.issued", org=device.org_id, actor=acting_user, target=key, after=after, device=device)
    return key, new.text


@transaction.atomic
def revoke_key(*, key: DeviceKey, acting_user: User | None) -> None:
    """End a key at once. Revoking it again changes nothing."""
    if DeviceKey.unscoped.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()):
        record("key.revoked", org=key.org_id, actor=acting_user, target=key, device=key.device)
    key.refresh_from_db(fields=["revoked_at"])


def authenticate_device(*, text: str, ip: str | None) -> DeviceKey:
    """Return the key of that text with its device, and note that it was used. One query, rarely three.

    From here on the rows of the key's organization can be seen, and no others.
    Raises :class:`KeyUnknown`, :class:`KeyRevoked` or :class:`KeyExpired`.
    """
    prefix = prefix_of(text, "dev")
    key = _find_key(prefix) if prefix else None
    if key is None or not matches(text, digest=key.digest, pepper_id=key.pepper_id):
        count_unknown_secret(prefix)
        raise KeyUnknown("This key opens nothing here. Was it copied whole?")
    if key.revoked_at is not None:
        raise KeyRevoked("This key was revoked. Give the camera a new one.")
    now = timezone.now()
    if key.is_expired_at(now):
        raise KeyExpired("This key has expired. Give the camera a new one.")
    scope.enter(key.org_id)
    if key.last_used_at is None or now - key.last_used_at >= SIGHTING_INTERVAL:
        _note_sighting(key, at=now, ip=ip)
    metering.count_request(key)
    return key


def why_over_quota(key: DeviceKey) -> str:
    """Return the sentence why pictures that come with this key today are only kept, or "" when they are judged."""
    if not metering.is_over_quota(key):
        return ""
    return f"Not judged: the camera's key has used up its {key.daily_quota} requests of the day."


def _find_key(prefix: str) -> DeviceKey | None:
    try:
        with scope.across_organizations("finds whose key it is"):
            key = DeviceKey.unscoped.get(prefix=prefix)
    except DeviceKey.DoesNotExist:
        return None
    # All that an upload needs of the camera stands in the key's row; the rest is loaded when somebody asks.
    key.device = Device.from_db(key._state.db, ["id", "org_id"], [key.device_id, key.org_id])
    return key


def _note_sighting(key: DeviceKey, *, at: datetime, ip: str | None) -> None:
    """Of requests that come at once, one writes."""
    unchanged = DeviceKey.unscoped.filter(pk=key.pk, last_used_at=key.last_used_at)
    if unchanged.update(last_used_at=at, last_used_from=ip):
        DeviceStatus.unscoped.filter(device_id=key.device_id).update(last_seen_at=at, last_seen_from=ip)
