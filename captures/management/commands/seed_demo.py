from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from captures.demo.seeding import seed_demo
from orgs.commands import VisantCommand
from orgs.errors import DomainError


class Command(VisantCommand):
    help = "Make a demo organization: people of each role, cameras, a month of judged pictures, labels, links."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--yes", action="store_true", help="do it where DEBUG is off, too")

    def handle(self, *, yes: bool, **options: Any) -> None:
        if not (settings.DEBUG or yes):
            raise CommandError("This is not a place for trying things (DEBUG is off); add --yes if it is.")
        try:
            org = seed_demo(tell_password=self._tell_password, progress=self._progress)
        except DomainError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{org.name} ({org.slug}) is there, with all that belongs to it.")

    def _tell_password(self, address: str, password: str) -> None:
        self.stdout.write(f"    {address}  {password}  (shown this once)")
        self.stdout.flush()

    def _progress(self, done: int, of: int) -> None:
        self.stdout.write(f"{done} of {of} pictures")
