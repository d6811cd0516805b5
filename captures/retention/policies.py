"""Saying how long pictures are kept."""

from dataclasses import asdict
from typing import Any

from django.db import transaction
from django.utils import timezone

from captures.retention.models import RetentionPolicy
from captures.retention.rules import Rule, rule_of
from devices.models import Device
from orgs.audit import record
from orgs.errors import Invalid
from orgs.models import Organization, User
from orgs.services.organizations import change_organization
from orgs.services.validation import validate


class InvalidPolicy(Invalid):
    code = "invalid_retention"


def check_rule(org: Organization, rule: Rule) -> None:
    """Raise :class:`InvalidPolicy` for what no policy can say."""
    _checked(RetentionPolicy(org=org, **asdict(rule)))


@transaction.atomic
def set_policy(
    *, org: Organization, rule: Rule, acting_user: User | None, device: Device | None = None
) -> RetentionPolicy:
    """Say what the organization keeps, or with ``device`` what that camera does instead; all of it.

    It holds from the next night on. Raises :class:`InvalidPolicy`.
    """
    # Lock the organization, so that two who save make one row.
    Organization.objects.select_for_update(no_key=True).get(pk=org.pk)
    policy = org.retention_policies.filter(device=device).first()
    before = asdict(rule_of(policy)) if policy else {}
    after = asdict(rule)
    policy = policy or RetentionPolicy(org=org, device=device)
    for name, value in after.items():
        setattr(policy, name, value)
    policy.changed_by, policy.changed_at = acting_user, timezone.now()
    _checked(policy)
    if before != after:
        policy.save()
        _note("retention.changed", org, device, acting_user, before, after)
    return policy


@transaction.atomic
def set_policy_and_limit(
    *, org: Organization, rule: Rule, most_days: int | None, acting_user: User
) -> Organization:
    """Say what the organization keeps, and for how many days all of its cameras do at most; both or neither."""
    set_policy(org=org, rule=rule, acting_user=acting_user)
    return change_organization(org=org, acting_user=acting_user, retention_days=most_days)


@transaction.atomic
def remove_policy(*, device: Device, acting_user: User) -> None:
    """Let the camera keep what its organization does. Of one that does already nothing changes."""
    policy = RetentionPolicy.unscoped.select_for_update().filter(device=device).first()
    if policy is not None:
        before = asdict(rule_of(policy))
        policy.delete()
        _note("retention.removed", device.org, device, acting_user, before, {})


def _checked(policy: RetentionPolicy) -> None:
    validate(policy, InvalidPolicy, besides=["org", "device", "changed_by"])


def _note(
    action: str,
    org: Organization,
    device: Device | None,
    acting_user: User | None,
    before: dict[str, Any],
    after: dict[str, Any],
) -> None:
    record(
        action,
        org=org,
        actor=acting_user,
        target=device or org,
        before=before or None,
        after=after or None,
        device=device,
    )
