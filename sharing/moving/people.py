"""Organizations and people. A password is nobody's to bring: everybody chooses a new one by the usual mail."""

from collections.abc import Iterable

from django.db import transaction

from captures.moving.outcomes import Fate, Outcome, Refused
from orgs.errors import DomainError
from orgs.models import Organization, Role, User
from orgs.services.imports import import_member, import_organization
from orgs.services.users import create_user, find_user, is_unproven
from sharing.moving.source import Row, moment, text

# What the earlier Visant called its roles. What is none of these sees and changes nothing more than a viewer.
ROLES = {
    "owner": Role.OWNER,
    "admin": Role.ADMIN,
    "administrator": Role.ADMIN,
    "member": Role.MEMBER,
    "user": Role.MEMBER,
    "viewer": Role.VIEWER,
}


class People:
    """Makes or finds organizations and their members. With ``dry_run`` nothing of that stays."""

    def __init__(self, *, owner: str, dry_run: bool) -> None:
        self._owner = owner
        self._dry_run = dry_run
        self._founders: set[tuple[str, str]] = set()

    def organization(self, row: Row, users: Iterable[Row]) -> tuple[Organization, Fate]:
        """The organization of a row: the one that was imported from it before, else a new one. Raises Refused.

        Its owner is the first of ``users`` with that role, else with the next larger one, whose account may be
        joined; without any, whoever --owner names.
        """
        external_id, name = text(row["id"]), text(row["name"]).strip()
        known = Organization.objects.filter(external_id=external_id).first()
        if known is not None:
            return known, Fate(Outcome.ALREADY_THERE)
        if not name:
            raise Refused("no_name", "The organization has no name.")
        owner = self._owner_among(users)
        self._founders.add((external_id, owner))
        try:
            with transaction.atomic():
                person = find_user(email=owner) or create_user(email=owner)
                org = import_organization(
                    name=name, owner=person, external_id=external_id, created_at=moment(row["created_at"])
                )
                transaction.set_rollback(self._dry_run)
        except DomainError as error:
            raise Refused("organization_refused", str(error)) from error
        return org, Fate(Outcome.IMPORTED)

    def member(self, org: Organization, row: Row) -> Fate:
        """Make a person a member. Raises :class:`Refused`."""
        email = _email(row)
        user = _joinable(email)
        if (org.external_id, email) in self._founders:
            return Fate(Outcome.IMPORTED)  # by founding it
        if user is not None and org.memberships.filter(user=user).exists():
            return Fate(Outcome.ALREADY_THERE)
        try:
            with transaction.atomic():
                person = user or create_user(email=email)
                if not self._dry_run:  # which has no organization to join
                    import_member(org=org, user=person, role=role_of(row))
                transaction.set_rollback(self._dry_run)
        except DomainError as error:
            raise Refused("user_refused", str(error)) from error
        return Fate(Outcome.IMPORTED)

    def _owner_among(self, users: Iterable[Row]) -> str:
        ranks = list(Role)
        for row in sorted(users, key=lambda row: (ranks.index(role_of(row)), text(row["created_at"]))):
            try:
                email = _email(row)
                _joinable(email)
            except Refused:
                continue
            return email
        if self._owner:
            return self._owner
        raise Refused("no_owner", "Nobody of it can own it; name an --owner.")


def role_of(row: Row) -> Role:
    return ROLES.get(text(row["role"]).strip().lower(), Role.VIEWER)


def _email(row: Row) -> str:
    email = text(row["email"]).strip().lower()
    if not email:
        raise Refused("no_email", "The person has no e-mail address.")
    return email


def _joinable(email: str) -> User | None:
    """The account of that address, or None. Raises :class:`Refused` for one that anybody may have signed up."""
    user = find_user(email=email)
    if user is None:
        return None
    if is_unproven(user):
        raise Refused(
            "address_not_verified",
            "Somebody signed up with this address and never showed that it is theirs. Let them verify it first.",
        )
    return user
