"""The keys of cameras: made, replaced, ended, and told apart when a camera shows one."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import NoReturn

from django.db import transaction
from django.utils import timezone

from devices.announcements import announce
from devices.models import Device, DeviceKey
from devices.services.sightings import SIGHTING_INTERVAL, note_sightings
from orgs import metering, scope
from orgs.audit import record
from orgs.errors import Conflict, Invalid, NotAllowed, NotAuthenticated, NotThere
from orgs.keys import NewKey, adopt_key, adopted_prefixes, is_adoptable, make_key, matches, prefix_of
from orgs.models import User
from orgs.ratelimits import count_unknown_secret
from orgs.services.validation import validate


class InvalidQuota(Invalid):
    code = "invalid_quota"


class KeyEndsInThePast(Invalid):
    code = "key_ends_in_the_past"


class KeyNotThere(NotThere):
    code = "key_not_found"


class KeyNotAdoptable(Invalid):
    code = "key_not_adoptable"


class KeyOfAnotherCamera(Conflict):
    code = "key_of_another_camera"


class KeyUnknown(NotAuthenticated):
    code = "key_unknown"


class KeyRevoked(NotAuthenticated):
    code = "key_revoked"


class KeyExpired(NotAuthenticated):
    code = "key_expired"


class DeviceSuspended(NotAllowed):
    code = "device_suspended"


class DeviceRetired(NotAllowed):
    code = "device_retired"


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
    Raises :class:`InvalidQuota` or :class:`KeyEndsInThePast`.
    """
    key, text = make_row(device=device, expires_at=expires_at, daily_quota=daily_quota)
    after = {"expires_at": expires_at, "daily_quota": daily_quota}
    record("key.issued", org=device.org_id, actor=acting_user, target=key, after=after, device=device)
    return key, text


def make_row(
    *, device: Device, expires_at: datetime | None, daily_quota: int | None, **fields: object
) -> tuple[DeviceKey, str]:
    """Write a key's row, and return it with its text; who made it is for the caller to say."""
    if expires_at is not None and expires_at <= timezone.now():
        sentence = "A key must end in the future, or not at all."
        raise KeyEndsInThePast(sentence, fields={"expires_at": sentence})
    new = make_key("dev")
    key = _save_key(device, new, expires_at=expires_at, daily_quota=daily_quota, **fields)
    return key, new.text


def _save_key(device: Device, new: NewKey, **fields: object) -> DeviceKey:
    key = DeviceKey(
        org_id=device.org_id,
        device=device,
        prefix=new.prefix,
        digest=new.digest,
        pepper_id=new.pepper_id,
        **fields,
    )
    validate(key, InvalidQuota)
    key.save(force_insert=True)
    return key


@transaction.atomic
def keep_key(*, device: Device, text: str, acting_user: User | None) -> DeviceKey | None:
    """Let the camera go on with the key that an earlier system gave it; None when it has that one already.

    As of all keys only a digest is kept. Raises :class:`KeyNotAdoptable`, and :class:`KeyOfAnotherCamera` when
    the same text opens another camera.
    """
    if not is_adoptable(text):
        raise KeyNotAdoptable("The key is too short to be safe, or holds what no header can carry.")
    if known := _find_key(text, None, timezone.now()):
        if known.device_id == device.pk:
            return None
        raise KeyOfAnotherCamera("Another camera has this key already.")
    key = _save_key(device, adopt_key(text))
    record("key.kept", org=device.org_id, actor=acting_user, target=key, device=device)
    return key


@transaction.atomic
def revoke_key(*, key: DeviceKey, acting_user: User | None) -> None:
    """End a key at once, and what the camera has open with it. Revoking it again changes nothing.

    The keys that were to replace it end, too, if they were never used: whoever holds it may have fetched them.
    One that it was to replace has its former end again, unless that has ended meanwhile.
    """
    _lock([key.replaces_id, key.pk])
    if end_row(key):
        unused = unused_successors(key)
        for one in unused:
            end_row(one)
        spared = _give_end_back(key)
        after = {"spared": str(spared), "spared_ends_at": spared.expires_at} if spared else None
        record("key.revoked", org=key.org_id, actor=acting_user, target=key, after=after, device=key.device)
        for one in unused:
            record("key.revoked", org=one.org_id, actor=acting_user, target=one, device=one.device)
    key.refresh_from_db(fields=["revoked_at", "sealed"])


def _give_end_back(revoked: DeviceKey) -> DeviceKey | None:
    """Let the key that ``revoked`` was to replace end as before; None if there is none, or another one waits."""
    now = timezone.now()
    replaced = DeviceKey.unscoped.active_at(now).filter(pk=revoked.replaces_id, ends_for_successor=True)
    old: DeviceKey | None = replaced.first()
    if old is None or DeviceKey.unscoped.waiting_at(now).filter(replaces=old).exists():
        return None
    old.expires_at, old.former_expires_at = old.former_expires_at, None
    old.ends_for_successor, old.reminded_of = False, None
    old.save(update_fields=["expires_at", "former_expires_at", "ends_for_successor", "reminded_of"])
    return old


def unused_successors(key: DeviceKey) -> list[DeviceKey]:
    """The keys that were to replace this one, or one of these, and were never used: they end with it."""
    unused = DeviceKey.unscoped.filter(revoked_at=None, last_used_at=None).select_related("device")
    found: list[DeviceKey] = []
    generation = [key]
    while generation := list(unused.filter(replaces__in=generation)):
        found += generation
    return found


def end_row(key: DeviceKey) -> bool:
    """Close a key, and tell whoever holds its camera's stream; False when it was closed before."""
    ended = DeviceKey.unscoped.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now(), sealed="")
    if ended:
        announce(key.device_id)
    return bool(ended)


def get_key(device: Device, pk: uuid.UUID) -> DeviceKey:
    """Return that key of the camera. Raises :class:`KeyNotThere`."""
    key: DeviceKey | None = device.keys.filter(pk=pk).first()
    if key is None:
        raise KeyNotThere("This camera has no such key.")
    return key


def authenticate_device(*, text: str, ip: str | None) -> DeviceKey:
    """Return the key of that text with its device, and note that it was used. One query, rarely three.

    A key that was to replace another one has arrived by this: the other ends. From here on the rows of the key's
    organization can be seen, and no others.
    Raises :class:`KeyUnknown`, :class:`KeyRevoked`, :class:`KeyExpired`, :class:`DeviceSuspended` or
    :class:`DeviceRetired`.
    """
    now = timezone.now()
    prefix = prefix_of(text, "dev")
    key = _find_key(text, prefix, now)
    if key is None or not matches(text, digest=key.digest, pepper_id=key.pepper_id):
        count_unknown_secret(prefix)
        raise KeyUnknown("This key opens nothing here. Was it copied whole?")
    if not key.is_usable:
        _refuse(key, now)
    scope.enter(key.org_id)
    if key.sealed:
        finish_rotation(key)
    if key.last_used_at is None or now - key.last_used_at >= SIGHTING_INTERVAL:
        _note_sighting(key, at=now, ip=ip)
    metering.count_request(key)
    return key


@transaction.atomic
def finish_rotation(key: DeviceKey) -> None:
    """The camera has shown its new key: it needs no delivering any more, and the one before ends.

    Of requests that come at once, one does it.
    """
    _lock([key.replaces_id, key.pk])
    if not DeviceKey.unscoped.filter(pk=key.pk).exclude(sealed="").update(sealed=""):
        return
    key.sealed = ""
    before = DeviceKey.unscoped.filter(successors=key).first()
    if before is not None and end_row(before):
        after = {"replaced": str(before)}
        record("key.rotated", org=key.org_id, actor=key.device, target=key, after=after, device=key.device)


def refuse_out_of_service(device: Device) -> None:
    """Raise :class:`DeviceSuspended` or :class:`DeviceRetired` for a camera that is."""
    if device.state == "suspended":
        raise DeviceSuspended("This camera is suspended. It keeps its pictures until it is resumed.")
    if device.state == "retired":
        raise DeviceRetired("This camera is retired. Its pictures are not taken any more.")


def _refuse(key: DeviceKey, now: datetime) -> NoReturn:
    """Say why the key, which is not usable, is refused."""
    if key.revoked_at is not None:
        raise KeyRevoked("This key was revoked. Give the camera a new one.")
    if key.is_expired_at(now):
        raise KeyExpired("This key has expired. Give the camera a new one.")
    refuse_out_of_service(key.device)
    raise KeyUnknown("This key opens nothing now.")


def why_over_quota(key: DeviceKey) -> str:
    """Return the sentence why pictures that come with this key today are only kept, or "" when they are judged."""
    if not metering.is_over_quota(key):
        return ""
    return f"Not judged: the camera's key has used up its {key.daily_quota} requests of the day."


def _find_key(text: str, prefix: str | None, now: datetime) -> DeviceKey | None:
    """Find it by its prefix; a key of an earlier system by a part of its digest. What is no key costs no query."""
    prefixes = [prefix] if prefix else adopted_prefixes(text)
    with scope.across_organizations("finds whose key it is"):
        keys = DeviceKey.unscoped.with_usability(now).select_related("device")
        found: DeviceKey | None = keys.filter(prefix__in=prefixes).first()
    return found


def _lock(pks: Iterable[uuid.UUID | None]) -> None:
    """Lock keys, the older ones first, so that no two who end one and its successor wait for each other."""
    list(DeviceKey.unscoped.select_for_update().filter(pk__in=filter(None, pks)).order_by("pk"))


def _note_sighting(key: DeviceKey, *, at: datetime, ip: str | None) -> None:
    """Of requests that come at once, one writes."""
    unchanged = DeviceKey.unscoped.filter(pk=key.pk, last_used_at=key.last_used_at)
    if unchanged.update(last_used_at=at, last_used_from=ip):
        note_sightings(device_ids=[key.device_id], at=at, ip=ip)
