from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from captures.retention.preview import Preview, preview
from captures.retention.pruning import prune, with_rules
from orgs import scope
from orgs.commands import VisantCommand
from orgs.models import Organization


class Command(VisantCommand):
    help = "Delete now what the retention rules say, as the scheduler does each night. Again does no harm."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would be deleted, and delete nothing")
        parser.add_argument("--org", metavar="SLUG", help="only this organization (default: all that have rules)")

    def handle(self, *, dry_run: bool, org: str | None, **options: Any) -> None:
        now = timezone.now()
        orgs = [_find(org)] if org else with_rules()
        if not orgs:
            self.stdout.write("No organization has a rule; nothing is deleted.")
        for one in orgs:
            if dry_run:
                with scope.within(one.pk):
                    self.stdout.write(f"{one.slug}: {preview(one, at=now).sentence}")
                continue
            self.stdout.write(f"{one.slug}: {prune(one, at=now, note=self._note).past_sentence}")

    def _note(self, done: Preview) -> None:
        """How far it is, on a terminal that somebody looks at."""
        if self.stdout.isatty():
            self.stdout.write(f"\r{done.pictures:,}", ending="\r")
            self.stdout.flush()


def _find(slug: str) -> Organization:
    org = Organization.objects.filter(slug=slug).first()
    if org is None:
        raise CommandError(f"There is no organization with the slug {slug}.")
    return org
