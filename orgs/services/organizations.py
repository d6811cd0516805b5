"""Founding organizations, and their settings."""

from typing import TypedDict, Unpack

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify

from orgs import scope
from orgs.audit import record
from orgs.errors import Conflict, Invalid
from orgs.ids import uuid7
from orgs.limits import starting_limits
from orgs.models import Membership, Organization, Role, User
from orgs.services.users import create_user, find_user, is_unproven
from orgs.services.validation import validate


class Settings(TypedDict, total=False):
    """What an owner decides about their organization."""

    name: str
    slug: str
    time_zone: str
    retention_days: int | None


SETTINGS = list(Settings.__annotations__)


class InvalidOrganization(Invalid):
    code = "invalid_organization"


class OwnerNotVerified(Conflict):
    code = "owner_not_verified"


class SlugTaken(Conflict):
    code = "slug_taken"


@transaction.atomic
def create_organization(
    *,
    name: str,
    owner_email: str,
    owner_password: str | None = None,
    time_zone: str = "UTC",
    slug: str | None = None,
    acting_user: User | None = None,
) -> Organization:
    """Found an organization. Its owner's account is made if there is none of that address.

    Without a password a new owner cannot log in until one is set; an existing account keeps its own. Raises
    :class:`OwnerNotVerified` for the account of somebody who has not shown that the address is theirs.
    """
    owner = find_user(email=owner_email)
    if owner is None:
        owner = create_user(email=owner_email, password=owner_password)
    elif is_unproven(owner):
        raise OwnerNotVerified(
            f"Somebody signed up as {owner.email}, but the address is not verified: it may have been anybody. "
            "Let them verify it first, by the mail or by the link that account_link --verify prints."
        )
    acting_user = acting_user or owner
    return found_organization(name=name, owner=owner, time_zone=time_zone, slug=slug, acting_user=acting_user)


@transaction.atomic
def found_organization(
    *, name: str, owner: User, time_zone: str = "UTC", slug: str | None = None, acting_user: User | None
) -> Organization:
    """Found an organization of a person who has an account, with the limits of the plan for new ones.

    Exactly of that ``slug``, or by default of one that is free.
    """
    limits = starting_limits(timezone.now())
    org = Organization(name=name.strip(), slug=slug or free_slug(name), time_zone=time_zone, **limits)
    validate(org, InvalidOrganization)
    org.save(force_insert=True)
    with scope.within(org.pk):
        Membership.unscoped.create(org=org, user=owner, role=Role.OWNER)
        record("organization.founded", org=org, actor=acting_user, target=org, after={"owner": owner.email})
    return org


@transaction.atomic
def change_organization(
    *,
    org: Organization,
    acting_user: User,
    **given: Unpack[Settings],
) -> Organization:
    """Change those settings that are given, and return the organization as it is now."""
    row = Organization.objects.select_for_update(no_key=True).get(pk=org.pk)
    before = {field: getattr(row, field) for field in SETTINGS}
    for field, value in given.items():
        setattr(row, field, value)
    row.name = row.name.strip()
    try:
        validate(row, InvalidOrganization)
        with transaction.atomic():
            row.save(update_fields=SETTINGS)
    except (InvalidOrganization, IntegrityError) as error:
        if Organization.objects.filter(slug=row.slug).exclude(pk=row.pk).exists():
            raise SlugTaken(f"Another organization has the short name {row.slug}.") from error
        raise
    changed = [field for field in SETTINGS if getattr(row, field) != before[field]]
    if changed:
        record(
            "organization.changed",
            org=row,
            actor=acting_user,
            target=row,
            before={field: before[field] for field in changed},
            after={field: getattr(row, field) for field in changed},
        )
    return row


def free_slug(name: str) -> str:
    """Return a slug that no organization has yet: of the name, with a random tail where that is taken."""
    slug = slugify(name)[:50].strip("-") or "organization"
    if Organization.objects.filter(slug=slug).exists():
        return f"{slug}-{uuid7().hex[-6:]}"
    return slug
