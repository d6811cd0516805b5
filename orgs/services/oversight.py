"""What operators do to organizations and accounts, and that they looked into one: each is in the audit."""

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from orgs.audit import record
from orgs.errors import Conflict, Invalid
from orgs.models import AuditEntry, Organization, User
from orgs.services.accounts import record_for_person
from orgs.services.addresses import vouch_for_address
from orgs.services.users import InvalidUser
from orgs.services.validation import validate
from orgs.tenancy import TenantModel

# An operator who comes back to the same row within this time is still looking.
ONE_LOOK = timedelta(minutes=15)
LONGEST_REASON = AuditEntry._meta.get_field("reason").max_length or 0
LONGEST_EXTENSION_DAYS = 366
OF_THE_ACCOUNT = ("email", "name", "is_active", "is_staff", "is_superuser")
LIMITS = ("device_limit", "byte_limit", "evaluation_limit", "retention_days")


class InvalidReason(Invalid):
    code = "invalid_reason"


class InvalidLimits(Invalid):
    code = "invalid_limits"


class InvalidExtension(Invalid):
    code = "invalid_extension"


class NotOnTrial(Conflict):
    code = "not_on_trial"


@transaction.atomic
def suspend_organization(*, org: Organization, reason: str, acting_user: User | None) -> None:
    """Close the organization to its people; its cameras still deliver. Suspending it again changes nothing."""
    reason = checked_reason(reason, required=True)
    now = timezone.now()
    if Organization.objects.filter(pk=org.pk, suspended_at=None).update(suspended_at=now):
        after = {"suspended_at": now}
        record("organization.suspended", org=org, actor=acting_user, target=org, after=after, reason=reason)
    org.refresh_from_db(fields=["suspended_at"])


@transaction.atomic
def resume_organization(*, org: Organization, acting_user: User | None, reason: str = "") -> None:
    """Open a suspended organization to its people again. Of one that is open nothing changes."""
    reason = checked_reason(reason, required=False)
    row = Organization.objects.select_for_update(no_key=True).get(pk=org.pk)
    if row.suspended_at is not None:
        before, row.suspended_at = {"suspended_at": row.suspended_at}, None
        row.save(update_fields=["suspended_at"])
        record(
            "organization.resumed",
            org=row,
            actor=acting_user,
            target=row,
            before=before,
            after={"suspended_at": None},
            reason=reason,
        )
    org.suspended_at = None


@transaction.atomic
def extend_trial(*, org: Organization, days: int, acting_user: User | None, reason: str = "") -> None:
    """Let the trial end ``days`` later; one that is over goes on from now."""
    if not 1 <= days <= LONGEST_EXTENSION_DAYS:
        raise InvalidExtension(f"A trial is extended by 1 to {LONGEST_EXTENSION_DAYS} days.")
    reason = checked_reason(reason, required=False)
    row = Organization.objects.select_for_update(no_key=True).get(pk=org.pk)
    if row.trial_ends_at is None:
        raise NotOnTrial(f"{row} is not on trial.")
    before, now = row.trial_ends_at, timezone.now()
    row.trial_ends_at = max(before, now) + timedelta(days=days)
    row.save(update_fields=["trial_ends_at"])
    org.trial_ends_at = row.trial_ends_at
    record(
        "plan.trial_extended",
        org=row,
        actor=acting_user,
        target=row,
        before={"trial_ends_at": before},
        after={"trial_ends_at": row.trial_ends_at},
        reason=reason,
    )


@transaction.atomic
def change_limits(
    *,
    org: Organization,
    device_limit: int | None,
    byte_limit: int | None,
    evaluation_limit: int | None,
    retention_days: int | None,
    acting_user: User | None,
) -> None:
    """Set what the plan covers; None is no limit. Nothing is taken away from who has more already."""
    wanted = dict(zip(LIMITS, (device_limit, byte_limit, evaluation_limit, retention_days), strict=True))
    row = Organization.objects.select_for_update(no_key=True).get(pk=org.pk)
    before = {name: getattr(row, name) for name in LIMITS if getattr(row, name) != wanted[name]}
    for name, value in wanted.items():
        setattr(row, name, value)
        setattr(org, name, value)
    validate(row, InvalidLimits)
    if before:
        row.save(update_fields=list(before))
        after = {name: wanted[name] for name in before}
        record("plan.limits_changed", org=row, actor=acting_user, target=row, before=before, after=after)


@transaction.atomic
def change_account(
    *,
    user: User,
    acting_user: User,
    email: str | None = None,
    name: str | None = None,
    is_active: bool | None = None,
    is_staff: bool | None = None,
    is_superuser: bool | None = None,
) -> None:
    """Change a person's account; what is None stays. It is noted in each organization the person belongs to."""
    values = zip(OF_THE_ACCOUNT, (email, name, is_active, is_staff, is_superuser), strict=True)
    wanted = {field: value for field, value in values if value is not None}
    row = User.objects.select_for_update().get(pk=user.pk)
    was = {field: getattr(row, field) for field in wanted}
    for field, value in wanted.items():
        setattr(row, field, value)
    validate(row, InvalidUser)
    after = {field: getattr(row, field) for field in wanted if getattr(row, field) != was[field]}
    if after:
        row.save(update_fields=list(after))
        vouch_for_address(user=row)  # at once: by the old address nobody gets in, or a link, any more
        before = {field: was[field] for field in after}
        record_for_person("account.changed", user=row, acting_user=acting_user, before=before, after=after)


def note_password_set(*, user: User, acting_user: User) -> None:
    """Note in each of the person's organizations that an operator gave them another password, or took it."""
    record_for_person("account.password_set", user=user, acting_user=acting_user)


def note_look(*, target: Model, acting_user: User, reason: str = "") -> None:
    """Note that an operator looked at ``target``, a row of an organization or an organization itself.

    Looks at the same row within :data:`ONE_LOOK` are one entry; one with a ``reason`` always is an entry.
    """
    org_id = _organization_of(target)
    reason = checked_reason(reason, required=False)
    if org_id is None or (not reason and has_looked(target=target, acting_user=acting_user)):
        return
    device = target if _kind(target) == "device" else getattr(target, "device", None)
    record("operator.looked", org=org_id, actor=acting_user, target=target, device=device, reason=reason)


def note_look_with_reason(*, target: Model, acting_user: User, reason: str) -> None:
    """The same for what is shown only to who says why: an empty reason is refused."""
    note_look(target=target, acting_user=acting_user, reason=checked_reason(reason, required=True))


def has_looked(*, target: Model, acting_user: User, with_reason: bool = False) -> bool:
    """Whether the operator looked at the row within :data:`ONE_LOOK`; ``with_reason``: and said why."""
    looks = AuditEntry.unscoped.filter(
        org=_organization_of(target),
        at__gt=timezone.now() - ONE_LOOK,
        action="operator.looked",
        actor_id=acting_user.pk,
        target_kind=_kind(target),
        target_id=str(target.pk),
    )
    return (looks.exclude(reason="") if with_reason else looks).exists()


def _organization_of(row: Model) -> UUID | None:
    """The organization a row is about; None for rows that belong to none."""
    if isinstance(row, Organization):
        return row.pk
    return row.org_id if isinstance(row, TenantModel) else None


def _kind(row: Model) -> str:
    return str(row._meta.model_name)


def checked_reason(reason: str, *, required: bool) -> str:
    """The reason as it is kept. It is never cut: half a reason may say something else."""
    reason = reason.strip()
    if required and not reason:
        raise InvalidReason("Say why; the organization can read it in its audit.")
    if len(reason) > LONGEST_REASON:
        raise InvalidReason(f"The reason has {len(reason)} characters; at most {LONGEST_REASON} are allowed.")
    return reason
