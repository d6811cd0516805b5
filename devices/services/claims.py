"""Claiming: an organization takes a unit by the code on its label, and the unit fetches the key of its camera.

Order of locks, so that no two wait for each other: organization, unit, key.
"""

from typing import NamedTuple

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from devices.models import Device, DeviceKey, Installation, Unit, UnitState
from devices.services.devices import register_device
from devices.services.installations import (
    end_installation,
    find_installation,
    install,
    installation_of,
    revoke_keys,
)
from devices.services.keys import issue_key, refuse_out_of_service
from devices.services.labels import Claim
from devices.services.lifecycle import refuse_retired
from devices.services.units import claim_digests, is_code_of, read_serial
from orgs import scope
from orgs.access import refuse_suspended
from orgs.audit import record
from orgs.errors import Conflict, Invalid, NotThere
from orgs.models import Organization, User
from orgs.ratelimits import count, count_unknown_claim

# How long a unit that nobody has claimed yet waits before it asks again.
ASK_AGAIN_SECONDS = 30


class ClaimCodeUnknown(Invalid):
    code = "claim_code_unknown"


class ClaimCodeExpired(Conflict):
    code = "claim_code_expired"


class ClaimCodeRevoked(Conflict):
    code = "claim_code_revoked"


class AlreadyClaimed(Conflict):
    code = "already_claimed"


class UnitRetired(Conflict):
    code = "unit_retired"


class UnitUnknown(NotThere):
    code = "unit_unknown"


class UnitHasItsKey(Conflict):
    code = "unit_has_its_key"


class HandedOut(NamedTuple):
    """A camera and the key that its unit has just been given."""

    device: Device
    key: str


def claim_unit(
    *, org: Organization, claim: Claim, acting_user: User, name: str = "", device: Device | None = None
) -> Device:
    """Take the unit of that label for ``device``, as new hardware, or without one for a new camera of that name.

    Returns the camera. Raises what :func:`replace_hardware` or :func:`claim_camera` raises.
    """
    if device is None:
        return claim_camera(org=org, claim=claim, name=name, acting_user=acting_user)
    replace_hardware(device=device, claim=claim, acting_user=acting_user)
    return device


@transaction.atomic
def claim_camera(*, org: Organization, claim: Claim, name: str, acting_user: User) -> Device:
    """Take the unit of that label for a new camera, which takes a slot. The unit fetches its key by itself.

    Of two who claim a unit at once one wins. Raises :class:`ClaimCodeUnknown`, :class:`ClaimCodeExpired`,
    :class:`ClaimCodeRevoked`, :class:`AlreadyClaimed`, :class:`UnitRetired`, and what ``add_device`` raises; who
    tries unknown codes again and again has to wait (``TooManyRequests``).
    """
    org = Organization.objects.select_for_update(no_key=True).get(pk=org.pk)
    unit = _find_unit(claim, acting_user)
    _take(unit, org, acting_user)
    device = register_device(org=org, name=name, acting_user=acting_user)
    install(unit=unit, device=device, acting_user=acting_user)
    hardware = {"serial": unit.serial, "model": unit.model}
    record("camera.claimed", org=org, actor=acting_user, target=device, after=hardware, device=device)
    return device


@transaction.atomic
def replace_hardware(*, device: Device, claim: Claim, acting_user: User) -> Installation:
    """Let the unit of that label serve a camera that is there; its archive, definition and schedules stay.

    The unit before it is retired and what it holds of keys ends at once. The unit that serves it already may
    fetch a key once more, as after a reset. Raises what :func:`claim_camera` raises, but about slots, and
    ``DeviceOutOfUse``.
    """
    org = Organization.objects.select_for_update(no_key=True).get(pk=device.org_id)
    refuse_retired(Device.unscoped.get(pk=device.pk))
    unit = _find_unit(claim, acting_user)
    current = installation_of(device)
    if current is not None and current.unit_id == unit.pk:
        return _start_again(current, acting_user)
    _take(unit, org, acting_user)
    if current is not None:
        Unit.objects.filter(pk=current.unit_id).update(state=UnitState.RETIRED)
        end_installation(installation=current, acting_user=acting_user)
    installation = install(unit=unit, device=device, acting_user=acting_user)
    record(
        "camera.hardware_changed",
        org=org,
        actor=acting_user,
        target=device,
        before={"serial": current.unit.serial if current else None},
        after={"serial": unit.serial},
        device=device,
    )
    return installation


def hand_out_key(*, serial: str, code: str, model: str = "", version: str = "") -> HandedOut | None:
    """Give the unit of that serial and code the key of its camera, or None while nobody has claimed it.

    When it asks again before the key was used, the answer was lost: that key ends, and it gets another, within
    limits (``TooManyRequests``), as is guessing. Raises :class:`UnitUnknown`, :class:`ClaimCodeExpired`,
    :class:`ClaimCodeRevoked`, :class:`UnitRetired`, :class:`UnitHasItsKey`, ``OrganizationSuspended``,
    ``DeviceSuspended`` or ``DeviceRetired``. What a unit that is not refused tells of itself is kept.
    """
    serial = read_serial(serial)
    unit = Unit.objects.filter(serial=serial).first()
    if unit is None or not is_code_of(unit, code):
        count_unknown_claim(serial)
        raise UnitUnknown("There is no unit of this serial and code.")
    handed_out = _hand_out(unit)
    _note_report(unit, model.strip(), version.strip())
    return handed_out


def _hand_out(unit: Unit) -> HandedOut | None:
    if unit.state != UnitState.CLAIMED:
        _refuse_unclaimable(unit)
        return None
    _refuse_revoked(unit)
    with scope.across_organizations("a unit's installation tells whose camera it serves"):
        installation = find_installation(unit)
    if installation is None:  # claimed or retired this very moment
        return None
    with scope.within(installation.org_id):
        return _give_key(installation)


@transaction.atomic
def _give_key(installation: Installation) -> HandedOut | None:
    # Lock the unit: of two requests at once the later one finds the key of the first.
    Unit.objects.select_for_update().get(pk=installation.unit_id)
    row = Installation.unscoped.select_related("device__org", "key").get(pk=installation.pk)
    if row.removed_at is not None:
        return None
    refuse_suspended(row.device.org)
    refuse_out_of_service(row.device)
    if row.key is not None:
        _take_back(row, row.key)
    key, text = issue_key(device=row.device, acting_user=None)
    Installation.unscoped.filter(pk=row.pk).update(key=key)
    return HandedOut(row.device, text)


def _take_back(row: Installation, key: DeviceKey) -> None:
    """End the key that was handed out but never used. Raises :class:`UnitHasItsKey` or ``TooManyRequests``."""
    key = DeviceKey.unscoped.select_for_update().get(pk=key.pk)
    if key.last_used_at is not None or key.revoked_at is not None:
        raise UnitHasItsKey(
            "This unit has fetched its key already. After a reset, claim it once more for its camera: "
            "on the camera's settings, under Hardware."
        )
    # Each time makes a key and entries in the audit, which whoever holds the label could go on with for ever.
    count("claim_unit", row.unit_id)
    revoke_keys(installation=row, acting_user=None)


def _start_again(installation: Installation, acting_user: User) -> Installation:
    """Let a unit fetch a key once more, having ended what it has."""
    _refuse_revoked(installation.unit)
    device = installation.device
    revoke_keys(installation=installation, acting_user=acting_user)
    Installation.unscoped.filter(pk=installation.pk).update(key=None)
    installation.key = None
    after = {"serial": installation.unit.serial}
    record(
        "camera.hardware_reset", org=device.org_id, actor=acting_user, target=device, after=after, device=device
    )
    return installation


def _find_unit(claim: Claim, user: User) -> Unit:
    unit = Unit.objects.select_for_update().filter(code_digest__in=claim_digests(claim.code)).first()
    if unit is None or (claim.serial and read_serial(claim.serial) != unit.serial):
        count_unknown_claim(str(user.pk))
        raise ClaimCodeUnknown("There is no camera with this code. Was it copied whole?")
    return unit


def _take(unit: Unit, org: Organization, acting_user: User) -> None:
    """Claim the unit: the check and the change are one UPDATE. One of a retired camera of their own moves."""
    now = timezone.now()
    in_time = Q(code_expires_at=None) | Q(code_expires_at__gt=now)
    free = Unit.objects.filter(in_time, pk=unit.pk, state=UnitState.MANUFACTURED, code_revoked_at=None)
    if free.update(state=UnitState.CLAIMED):
        return
    unit.refresh_from_db()
    if unit.state != UnitState.CLAIMED:
        _refuse_unclaimable(unit)
    own = find_installation(unit)
    if own is None or own.org_id != org.pk:
        raise AlreadyClaimed("This camera has been claimed already.")
    _refuse_revoked(unit)
    if own.device.retired_at is None:
        raise AlreadyClaimed(f"You have claimed this camera already: it serves {own.device}.")
    end_installation(installation=own, acting_user=acting_user)


def _refuse_unclaimable(unit: Unit) -> None:
    """Refuse the code of a unit that serves no camera, unless it can be claimed."""
    if unit.state == UnitState.RETIRED:
        raise UnitRetired("This camera was taken out of service. Ask whoever made it for another label.")
    _refuse_revoked(unit)
    if unit.code_expires_at is not None and unit.code_expires_at <= timezone.now():
        raise ClaimCodeExpired(
            f"This code could be claimed until {unit.code_expires_at:%Y-%m-%d %H:%M} UTC. "
            "Ask whoever made the camera for another label."
        )


def _refuse_revoked(unit: Unit) -> None:
    if unit.code_revoked_at is not None:
        raise ClaimCodeRevoked("This code was revoked. Ask whoever made the camera for another label.")


def _note_report(unit: Unit, model: str, version: str) -> None:
    """Keep what a unit tells of itself, where that is news: it asks every half minute."""
    told = {name: text for name, text in (("reported_model", model), ("version", version)) if text}
    if any(getattr(unit, name) != text for name, text in told.items()):
        Unit.objects.filter(pk=unit.pk).update(**told)
