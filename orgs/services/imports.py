"""Organizations and members that come from an earlier system."""

from datetime import datetime

from django.db import transaction

from orgs import scope
from orgs.audit import record
from orgs.models import Membership, Organization, Role, User
from orgs.services.invitations import described
from orgs.services.organizations import found_organization


@transaction.atomic
def import_organization(*, name: str, owner: User, external_id: str, created_at: datetime | None) -> Organization:
    """Found an organization that ``external_id`` finds again."""
    org = found_organization(name=name, owner=owner, acting_user=None)
    org.external_id = external_id
    org.created_at = created_at or org.created_at
    org.save(update_fields=["external_id", "created_at"])
    return org


@transaction.atomic
def import_member(*, org: Organization, user: User, role: Role) -> Membership:
    """Make a person a member, who is none yet. Nobody is told; they choose a password by the usual mail."""
    with scope.within(org.pk):
        membership = Membership(org=org, user=user, role=role)
        membership.save(force_insert=True)
        after = described(membership) | {"by": user.email}
        record("membership.imported", org=org, actor=None, target=membership, after=after)
    return membership
