import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from devices.services.devices import add_device
from orgs import scope
from orgs.errors import DomainError
from orgs.models import Organization


class Command(BaseCommand):
    help = "Add a camera to an organization and print its key, this once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--org", required=True, metavar="SLUG")
        parser.add_argument("--name", required=True)
        parser.add_argument("--json", action="store_true", help='print {"id": …, "key": …}')

    def handle(self, **options: Any) -> None:
        org = Organization.objects.filter(slug=options["org"]).first()
        if org is None:
            raise CommandError(f"There is no organization with the slug {options['org']!r}.")
        try:
            with scope.within(org.pk):
                device, key = add_device(org=org, name=options["name"], acting_user=None)
        except DomainError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps({"id": str(device.pk), "key": key}))
        else:
            self.stdout.write(f"{device.name} is added.\nid   {device.pk}\nkey  {key}  (shown this once)")
