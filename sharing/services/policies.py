"""Saying what an organization lets its members share."""

from typing import Any

from django.db import transaction

from orgs.audit import record
from orgs.errors import Invalid
from orgs.models import Membership, Organization
from orgs.services.powers import refuse_no_admin
from orgs.services.validation import validate
from sharing.models import SharingPolicy

CHANGEABLE = ("enabled", "longest_days", "smallest_role", "contact")


class InvalidSharingPolicy(Invalid):
    code = "invalid_sharing_policy"


@transaction.atomic
def set_sharing_policy(*, membership: Membership, **changes: Any) -> SharingPolicy:
    """Change those of :data:`CHANGEABLE` that are named; links that are open follow at once, but for their expiry.

    Raises :class:`~orgs.access.RoleTooSmall` for who is no admin, and :class:`InvalidSharingPolicy`.
    """
    refuse_no_admin(membership)
    # Lock the organization, so that two who save make one row.
    org = Organization.objects.select_for_update(no_key=True).get(pk=membership.org_id)
    policy = SharingPolicy.unscoped.filter(org=org).first() or SharingPolicy(org=org)
    before = {name: getattr(policy, name) for name in changes}
    for name, value in changes.items():
        setattr(policy, name, value)
    validate(policy, InvalidSharingPolicy, besides=["org"])
    after = {name: getattr(policy, name) for name in changes}
    if before != after:
        policy.save()
        record("share.policy_changed", org=org, actor=membership.user, target=org, before=before, after=after)
    return policy
