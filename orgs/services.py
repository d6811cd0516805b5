"""Founding organizations and making accounts."""

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.text import slugify

from orgs.errors import Invalid
from orgs.ids import uuid7
from orgs.models import Membership, Organization, Role, User


class InvalidOrganization(Invalid):
    code = "invalid_organization"


class InvalidUser(Invalid):
    code = "invalid_user"


class WeakPassword(Invalid):
    code = "weak_password"


@transaction.atomic
def create_organization(
    *, name: str, owner_email: str, owner_password: str | None = None, time_zone: str = "UTC"
) -> Organization:
    """Found an organization. Its owner's account is made if there is none of that address.

    Without a password a new owner cannot log in until one is set; an existing account keeps its own.
    """
    org = Organization(name=name.strip(), slug=free_slug(name), time_zone=time_zone)
    _validate(org, InvalidOrganization)
    org.save(force_insert=True)
    owner = User.objects.filter(email=owner_email.strip().lower()).first()
    if owner is None:
        owner = create_user(email=owner_email, password=owner_password)
    Membership.unscoped.create(org=org, user=owner, role=Role.OWNER)
    return org


def create_user(*, email: str, password: str | None = None, name: str = "") -> User:
    """Make an account; with a password it must be a strong one."""
    user = User(email=email.strip().lower(), name=name)
    user.set_unusable_password()
    _validate(user, InvalidUser)
    if password is not None:
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise WeakPassword(" ".join(error.messages)) from error
        user.set_password(password)
    user.save(force_insert=True)
    return user


def free_slug(name: str) -> str:
    """Return a slug that no organization has yet: of the name, with a random tail where that is taken."""
    slug = slugify(name)[:50].strip("-") or "organization"
    if Organization.objects.filter(slug=slug).exists():
        return f"{slug}-{uuid7().hex[-6:]}"
    return slug


def _validate(row: Organization | User, refusal: type[Invalid]) -> None:
    try:
        row.full_clean()
    except ValidationError as error:
        sentences = [f"{field}: {' '.join(texts)}" for field, texts in error.message_dict.items()]
        raise refusal(" ".join(sentences)) from error
