from typing import Any

from django.core.management.base import CommandError, CommandParser

from orgs.commands import VisantCommand
from orgs.errors import DomainError
from orgs.services.links import link_to_reset, link_to_verify


class Command(VisantCommand):
    help = "Print a link for a person who gets no mail: to choose a new password, or to verify their address."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", metavar="EMAIL")
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--reset", action="store_true", help="to choose a new password; it opens once")
        which.add_argument("--verify", action="store_true", help="to verify the address or the next one")

    def handle(self, **options: Any) -> None:
        make = link_to_reset if options["reset"] else link_to_verify
        try:
            self.stdout.write(make(email=options["email"], acting_user=None))
        except DomainError as error:
            raise CommandError(str(error)) from error
