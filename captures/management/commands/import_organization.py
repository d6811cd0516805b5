from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import IntegrityError, transaction
from django.utils import timezone

from captures.leaving.archive import ArchiveReader, ArchiveRefused
from captures.leaving.importing import OrganizationImport
from captures.leaving.shape import read_told
from captures.moving.command import ImportCommand
from captures.moving.outcomes import Tally
from orgs import scope
from orgs.errors import DomainError
from orgs.limits import starting_limits
from orgs.models import Organization
from orgs.services.organizations import InvalidOrganization, create_organization
from orgs.services.validation import validate


class Command(ImportCommand):
    help = "Bring in an organization that another Visant exported (a folder or a zip file)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, metavar="PATH[.zip]")
        parser.add_argument("--org", metavar="SLUG", help="into this organization; else the one of the same slug")
        parser.add_argument("--owner", metavar="EMAIL", help="founds the organization if there is none")
        super().add_arguments(parser)

    def bring_in(self, tally: Tally, options: dict[str, Any]) -> None:
        try:
            reader = ArchiveReader(options["path"])
            told = read_told(reader)
        except ArchiveRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        slug = options["org"] or told.organization["slug"]
        org = _organization(told.organization, slug, options["owner"], dry_run=options["dry_run"])
        with scope.within(org.pk):
            self._bring_in(OrganizationImport(org, reader, told, tally, options["dry_run"]), options)

    def _bring_in(self, work: OrganizationImport, options: dict[str, Any]) -> None:
        work.bring_in_retention()
        work.bring_in_cameras()
        with self.progress(work.told.captures, " captures") as bar:
            for count in work.bring_in_captures(batch=options["batch"]):
                bar.update(count)
        self.stdout.write(f"{work.org.name} ({work.org.slug}): {len(work.cameras.made)} new cameras.")
        if not work.dry_run:
            self.tell_keys(work.cameras.all(), options["keys"])
        wrong = self.compared([(work.org, work.ledger)], options["sample"])
        self.tell_due(work.org, work.ledger)
        self.conclude(work.tally, wrong, dry_run=work.dry_run)


def _organization(told: dict[str, Any], slug: str, owner: str | None, *, dry_run: bool) -> Organization:
    """The one of that slug; founded, or with ``dry_run`` made up, if there is none and an owner is named."""
    org = Organization.objects.filter(slug=slug).first()
    if org is not None:
        return org
    if not owner:
        raise CommandError(f"There is no organization {slug!r}. Name its --owner, and it is founded.")
    wanted = Organization(
        **{name: told[name] for name in ("name", "time_zone", "retention_days")},
        slug=slug,
        **starting_limits(timezone.now()),
    )
    try:
        validate(wanted, InvalidOrganization)
        return wanted if dry_run else _founded(wanted, owner)
    except DomainError as error:
        raise CommandError(f"The organization {slug!r} cannot be founded. {error}") from error


def _founded(wanted: Organization, owner: str) -> Organization:
    """With all that was asked for, or not at all. One that is founded under that slug meanwhile is taken."""
    try:
        with transaction.atomic():
            org = create_organization(name=wanted.name, owner_email=owner, time_zone=wanted.time_zone)
            org.slug, org.retention_days = wanted.slug, wanted.retention_days
            org.save(update_fields=["slug", "retention_days"])
            return org
    except (IntegrityError, DomainError):  # the account may be the one that was made meanwhile
        there = Organization.objects.filter(slug=wanted.slug).first()
        if there is None:
            raise
        return there
