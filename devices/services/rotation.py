"""A camera's key is replaced by delivering the next one, and the old one ends once the new one was used.

Nobody reads or types the new key: it waits, encrypted, until the camera fetches its configuration with the key it
replaces. It is delivered again, as often as the camera asks, until it is used: so an answer that is lost costs
nothing. The evidence is taken by :func:`~devices.services.keys.authenticate_device`.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from devices.models import Device, DeviceKey
from devices.services.configuration_version import bump_configuration
from devices.services.keys import make_row
from orgs.audit import record
from orgs.errors import Conflict
from orgs.models import User
from orgs.sealing import DEVICE_KEYS, decrypt, encrypt

# So long the old key goes on opening while the camera has not shown the new one.
DAYS = 30
LONGEST_DAYS = 365


class KeyNotActive(Conflict):
    code = "key_not_active"


class RotationWaits(Conflict):
    code = "rotation_waits"


class Waiting(NamedTuple):
    """A new key, as it is delivered."""

    key: DeviceKey
    text: str
    old_ends_at: datetime | None


@transaction.atomic
def rotate_key(
    *,
    device: Device,
    acting_user: User | None,
    key: DeviceKey | None = None,
    days: int = DAYS,
    expires_at: datetime | None = None,
) -> DeviceKey:
    """Make a key that replaces ``key`` (None: the one used last), and let it wait for the camera to fetch it.

    The old one ends when the new one is used, else after ``days`` at the latest; its owners are told before
    (``devices/services/reminders.py``). Revoking the new one gives it its former end back. The new one has the
    old one's quota, and ends at ``expires_at``.
    Raises :class:`KeyNotActive` or :class:`RotationWaits`.
    """
    old = _lock(device, key)
    # Of one that ends for a successor already, which was never used and has ended itself, the end before counts.
    former = old.former_expires_at if old.ends_for_successor else old.expires_at
    ends_at = min(filter(None, [former, timezone.now() + timedelta(days=days)]))
    new, text = make_row(device=device, expires_at=expires_at, daily_quota=old.daily_quota, replaces=old)
    new.sealed = encrypt(text, purpose=DEVICE_KEYS)
    new.save(update_fields=["sealed"])
    ending = {"expires_at": ends_at, "ends_for_successor": True, "former_expires_at": former}
    if ends_at != old.expires_at:
        ending["reminded_of"] = None
    DeviceKey.unscoped.filter(pk=old.pk).update(**ending)
    after = {"replaces": str(old), "old_ends_at": ends_at, "expires_at": expires_at}
    record("key.rotation_begun", org=new.org_id, actor=acting_user, target=new, after=after, device=device)
    bump_configuration(device)
    return new


def waiting_for(key: DeviceKey) -> DeviceKey | None:
    """The key that is to replace this one and was not used yet."""
    found: DeviceKey | None = DeviceKey.unscoped.waiting_at(timezone.now()).filter(replaces=key).first()
    return found


def deliver(waiting: DeviceKey, *, to: DeviceKey) -> Waiting:
    """Return the new key to the camera that showed the one it replaces, and note that it was told."""
    if waiting.delivered_at is None:
        DeviceKey.unscoped.filter(pk=waiting.pk, delivered_at=None).update(delivered_at=timezone.now())
    return Waiting(waiting, decrypt(waiting.sealed, purpose=DEVICE_KEYS), to.expires_at)


def forget_undeliverable() -> int:
    """Forget the texts of new keys whose old key has ended: nothing can fetch them any more. Return how many.

    A camera that had fetched its new key can still come back with it.
    """
    now = timezone.now()
    ended = Q(replaces__expires_at__lte=now) | Q(replaces__revoked_at__isnull=False)
    return DeviceKey.unscoped.exclude(sealed="").filter(ended).update(sealed="")


def _lock(device: Device, key: DeviceKey | None) -> DeviceKey:
    """Lock the key that is to be replaced, so that two requests do not both replace it."""
    active = DeviceKey.unscoped.active_at(timezone.now()).filter(device=device)
    if key is None:
        key = active.filter(sealed="").order_by(F("last_used_at").desc(nulls_last=True), "-pk").first()
    old: DeviceKey | None = active.select_for_update().filter(pk=key.pk).first() if key else None
    if old is None:
        raise KeyNotActive("Only a key that is still active can be replaced. Make a new one instead.")
    if old.sealed:
        raise RotationWaits("This key itself waits to be fetched. Revoke it to start over.")
    if waiting_for(old) is not None:
        raise RotationWaits("A new key waits for the camera already. Revoke that one to start over.")
    return old
