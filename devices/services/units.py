"""Hardware: made by operators, each with a serial and a claim code, which is shown once and kept as a digest."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from devices.models import Unit, UnitState
from devices.services.installations import end_installation, find_installation
from devices.services.labels import Label
from orgs import scope
from orgs.audit import record
from orgs.codes import in_capitals, random_letters
from orgs.errors import Conflict, Invalid
from orgs.keys import digest_of, matches, newest_pepper
from orgs.models import User

SERIAL_PREFIX, SERIAL_LENGTH = "VS-", 8
# 79 bits; shown in groups of four.
CODE_LENGTH, GROUP_LENGTH = 16, 4
# Beyond is a slip of the finger.
MOST_UNITS, MOST_DAYS = 1_000, 3_650
LONGEST_MODEL = 100


class InvalidUnits(Invalid):
    code = "invalid_units"


class UnitInUse(Conflict):
    code = "unit_in_use"


def make_units(*, model: str, count: int, code_days: int | None = 365) -> list[Label]:
    """Make ``count`` units of a model; their codes can be claimed for ``code_days`` (None: without end).

    Raises :class:`InvalidUnits`.
    """
    model = model.strip()
    if not 1 <= len(model) <= LONGEST_MODEL:
        raise InvalidUnits(f"A model has a name of at most {LONGEST_MODEL} characters.")
    if not 1 <= count <= MOST_UNITS:
        raise InvalidUnits(f"At least one unit is made at once, and at most {MOST_UNITS:,}.")
    labels = []
    for serial in _new_serials(count):
        unit = Unit(serial=serial, model=model)
        labels.append(Label(unit, _give_code(unit, code_days)))
    Unit.objects.bulk_create([label.unit for label in labels])
    return labels


def renew_code(*, unit: Unit, code_days: int | None = 365) -> Label:
    """Give a unit that serves no camera another code, the old one ends; a retired unit can be claimed again.

    Raises :class:`InvalidUnits` or :class:`UnitInUse`.
    """
    code = _give_code(unit, code_days)
    unit.state, unit.code_revoked_at = UnitState.MANUFACTURED, None
    fields = ("state", "code_digest", "code_pepper_id", "code_expires_at", "code_revoked_at")
    unclaimed = Unit.objects.filter(pk=unit.pk).exclude(state=UnitState.CLAIMED)
    if not unclaimed.update(**{name: getattr(unit, name) for name in fields}):
        unit.refresh_from_db()
        raise UnitInUse(f"{unit} serves a camera. Retire it first; then it can be given away anew.")
    return Label(unit, code)


def revoke_code(*, unit: Unit) -> bool:
    """End the code of a unit at once: it is neither claimed nor does it fetch a key any more.

    False, and nothing changed, when it had ended before. A key that it fetched stays.
    """
    revoked = Unit.objects.filter(pk=unit.pk, code_revoked_at=None).update(code_revoked_at=timezone.now())
    unit.refresh_from_db()
    return bool(revoked)


@transaction.atomic
def retire_unit(*, unit: Unit, acting_user: User | None) -> bool:
    """Take a unit out of service; what it holds of keys ends at once. False when it was before.

    The camera that it served stays, without hardware, and its organization reads of it in its audit.
    """
    row = Unit.objects.select_for_update().get(pk=unit.pk)
    if row.state == UnitState.RETIRED:
        return False
    with scope.across_organizations("a unit may serve a camera of any organization"):
        installation = find_installation(row)
        if installation is not None:
            end_installation(installation=installation, acting_user=acting_user)
            record(
                "camera.hardware_removed",
                org=installation.org_id,
                actor=acting_user,
                target=installation.device,
                before={"serial": row.serial},
                after={"serial": None},
                device=installation.device,
            )
    Unit.objects.filter(pk=row.pk).update(state=UnitState.RETIRED)
    unit.refresh_from_db()
    return True


def read_serial(text: str) -> str:
    """Return a serial, however it was typed, as it is kept."""
    return text.strip().upper()


def claim_digests(code: str) -> list[str]:
    """Return what a claim code is found by, under every pepper there is; it may be typed in any way."""
    return [_digest(code, pepper_id) for pepper_id in settings.VISANT_KEY_PEPPERS]


def is_code_of(unit: Unit, code: str) -> bool:
    """Compare in constant time. A code whose pepper was taken out of the configuration is none."""
    return matches(_canonical(code), digest=unit.code_digest, pepper_id=unit.code_pepper_id)


def _give_code(unit: Unit, code_days: int | None) -> str:
    """Put a new code on the unit, without saving, and return it as people read it."""
    if code_days is not None and not 1 <= code_days <= MOST_DAYS:
        raise InvalidUnits(f"A code can be claimed for at least a day, and at most {MOST_DAYS:,} days.")
    letters, unit.code_pepper_id = random_letters(CODE_LENGTH), newest_pepper()
    unit.code_digest = _digest(letters, unit.code_pepper_id)
    unit.code_expires_at = timezone.now() + timedelta(days=code_days) if code_days else None
    return "-".join(letters[start : start + GROUP_LENGTH] for start in range(0, CODE_LENGTH, GROUP_LENGTH))


def _new_serials(count: int) -> list[str]:
    serials: set[str] = set()
    while len(serials) < count:
        serials |= {SERIAL_PREFIX + random_letters(SERIAL_LENGTH) for _ in range(count - len(serials))}
        serials -= set(Unit.objects.filter(serial__in=serials).values_list("serial", flat=True))
    return sorted(serials)


def _canonical(code: str) -> str:
    """As it is digested: no activation code, and no key, has the same digest."""
    return f"claim:{in_capitals(code)}"


def _digest(code: str, pepper_id: int) -> str:
    return digest_of(_canonical(code), pepper_id)
