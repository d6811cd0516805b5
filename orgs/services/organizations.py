"""Founding organizations."""

from django.db import transaction
from django.utils.text import slugify

from orgs import scope
from orgs.audit import record
from orgs.errors import Invalid
from orgs.ids import uuid7
from orgs.models import Membership, Organization, Role, User
from orgs.services.accounts import create_user
from orgs.services.validation import validate


class InvalidOrganization(Invalid):
    code = "invalid_organization"


@transaction.atomic
def create_organization(
    *,
    name: str,
    owner_email: str,
    owner_password: str | None = None,
    time_zone: str = "UTC",
    acting_user: User | None = None,
) -> Organization:
    """Found an organization. Its owner's account is made if there is none of that address.

    Without a password a new owner cannot log in until one is set; an existing account keeps its own.
    """
    org = Organization(name=name.strip(), slug=free_slug(name), time_zone=time_zone)
    validate(org, InvalidOrganization)
    org.save(force_insert=True)
    owner = User.objects.filter(email=owner_email.strip().lower()).first()
    if owner is None:
        owner = create_user(email=owner_email, password=owner_password)
    with scope.within(org.pk):
        Membership.unscoped.create(org=org, user=owner, role=Role.OWNER)
        record(
            "organization.founded", org=org, actor=acting_user or owner, target=org, after={"owner": owner.email}
        )
    return org


def free_slug(name: str) -> str:
    """Return a slug that no organization has yet: of the name, with a random tail where that is taken."""
    slug = slugify(name)[:50].strip("-") or "organization"
    if Organization.objects.filter(slug=slug).exists():
        return f"{slug}-{uuid7().hex[-6:]}"
    return slug
