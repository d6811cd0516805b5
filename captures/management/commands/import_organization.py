from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from captures.leaving.archive import ArchiveReader, ArchiveRefused
from captures.leaving.importing import OrganizationImport
from captures.leaving.shape import read_told
from captures.moving.command import ImportCommand
from captures.moving.organizations import alone, organization_of
from captures.moving.outcomes import Tally
from orgs import scope


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
        told_of = {name: told.organization[name] for name in ("name", "time_zone", "retention_days")}
        with alone(slug):
            org = organization_of(slug, owner=options["owner"], dry_run=options["dry_run"], **told_of)
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
