from typing import Any

from django.core.management.base import CommandError, CommandParser

from orgs.commands import VisantCommand
from orgs.errors import DomainError
from orgs.services.accounts import remove_second_factor
from orgs.services.users import get_user


class Command(VisantCommand):
    help = "Let in by password alone a person who lost their authenticator app and their recovery codes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", metavar="EMAIL")

    def handle(self, **options: Any) -> None:
        try:
            remove_second_factor(user=get_user(email=options["email"]), acting_user=None)
        except DomainError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{options['email']} logs in by password alone now.")
