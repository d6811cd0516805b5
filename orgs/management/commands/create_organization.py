import json
import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser

from orgs.commands import VisantCommand
from orgs.errors import DomainError
from orgs.services.organizations import create_organization


class Command(VisantCommand):
    help = "Found an organization and make its owner's account if there is none."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True)
        parser.add_argument("--owner", required=True, metavar="EMAIL")
        parser.add_argument("--time-zone", default="UTC", help="like Europe/Zurich (default: UTC)")
        parser.add_argument("--password-stdin", action="store_true", help="read the owner's password from stdin")
        parser.add_argument("--json", action="store_true", help='print {"id": …, "slug": …}')

    def handle(self, **options: Any) -> None:
        try:
            org = create_organization(
                name=options["name"],
                owner_email=options["owner"],
                owner_password=sys.stdin.readline().rstrip("\n") if options["password_stdin"] else None,
                time_zone=options["time_zone"],
            )
        except DomainError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps({"id": str(org.pk), "slug": org.slug}))
        else:
            self.stdout.write(f"{org.name} is founded; its slug is {org.slug}.")
