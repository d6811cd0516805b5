"""The organization that things are brought into: there already, or founded; one import at a time."""

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypedDict, Unpack

from django.core.management.base import CommandError
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from orgs.errors import DomainError
from orgs.limits import starting_limits
from orgs.locking import database_lock
from orgs.models import Organization
from orgs.services.organizations import InvalidOrganization, create_organization
from orgs.services.validation import validate

# A number of PostgreSQL's advisory locks that nobody else uses; of each organization one of those behind it.
IMPORT = 0x494D_504F_5254 << 8


class Founded(TypedDict, total=False):
    """What a founded organization has from the start."""

    name: str
    time_zone: str
    retention_days: int | None


@contextmanager
def alone(what: str) -> Iterator[None]:
    """Nobody else brings anything into ``what`` inside the block. Raises CommandError when somebody does.

    Two at once would each take the other's half for what was there before, and tell the wrong sums. On SQLite,
    which has one writer, there is one import at a time.
    """
    number = IMPORT + zlib.crc32(what.encode())
    with database_lock(connection, number, file="import", take=lambda got: _refuse_unless(got, what)):
        yield


def _refuse_unless(got: Callable[[], bool], what: str) -> None:
    if not got():
        raise CommandError(
            f"Another import into {what} is under way. Run the same command again when it has ended."
        )


def organization_of(slug: str, *, owner: str | None, dry_run: bool, **founded: Unpack[Founded]) -> Organization:
    """The one of that slug; founded so if there is none and an owner is named.

    With ``dry_run`` nothing of that stays. Raises CommandError where it cannot be founded with exactly that slug.
    """
    org = Organization.objects.filter(slug=slug).first()
    if org is not None:
        return org
    if not owner:
        raise CommandError(f"There is no organization {slug!r}. Name its --owner, and it is founded.")
    wanted = Organization(slug=slug, **founded, **starting_limits(timezone.now()))
    try:
        validate(wanted, InvalidOrganization)
        return _found(wanted, owner, dry_run=dry_run)
    except DomainError as error:
        raise CommandError(f"The organization {slug!r} cannot be founded. {error}") from error


def _found(wanted: Organization, owner: str, *, dry_run: bool) -> Organization:
    """With all that was asked for, or not at all. One that is founded under that slug meanwhile is taken."""
    try:
        with transaction.atomic():
            org = create_organization(
                name=wanted.name, owner_email=owner, time_zone=wanted.time_zone, slug=wanted.slug
            )
            org.retention_days = wanted.retention_days
            org.save(update_fields=["retention_days"])
            transaction.set_rollback(dry_run)
            return org
    except (IntegrityError, DomainError):  # the account may be the one that was made meanwhile
        there = Organization.objects.filter(slug=wanted.slug).first()
        if there is None:
            raise
        return there
