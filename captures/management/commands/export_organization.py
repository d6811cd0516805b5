from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from captures.leaving.archive import ArchiveRefused
from captures.leaving.exporting import NotExportable, export_organization
from orgs.commands import UNREACHABLE, VisantCommand
from orgs.models import Organization


class Command(VisantCommand):
    help = "Write all of an organization into a folder, or into PATH.zip: complete, or an error and nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", metavar="SLUG")
        parser.add_argument("path", type=Path, metavar="PATH[.zip]")

    def handle(self, *, slug: str, path: Path, **options: Any) -> None:
        org = Organization.objects.filter(slug=slug).first()
        if org is None:
            raise CommandError(f"There is no organization {slug}.")
        try:
            counts = export_organization(org, path)
        except (NotExportable, ArchiveRefused) as refusal:
            raise CommandError(f"Nothing was written. {refusal}") from refusal
        except OSError as error:
            raise CommandError(f"Nothing was written: {error}", returncode=UNREACHABLE) from error
        self.stdout.write(f"{path}: " + ", ".join(f"{count} {name}" for name, count in counts.items()) + ".")
