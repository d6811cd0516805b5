import json
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from devices.models import Device
from devices.services.devices import add_device
from orgs import scope
from orgs.commands import VisantCommand
from orgs.errors import DomainError
from orgs.models import Organization

MOST = 10_000


class Command(VisantCommand):
    help = "Add a camera, or many of them, to an organization and print each one's key, this once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--org", required=True, metavar="SLUG")
        parser.add_argument("--name", required=True)
        parser.add_argument(
            "--count", type=_count, metavar="N", help='add N, named "NAME 1", "NAME 2", …; all or none'
        )
        parser.add_argument(
            "--json", action="store_true", help='print {"id": …, "key": …}, one camera on each line'
        )

    def handle(self, **options: Any) -> None:
        org = Organization.objects.filter(slug=options["org"]).first()
        if org is None:
            raise CommandError(f"There is no organization with the slug {options['org']!r}.")
        name, count = options["name"], options["count"]
        names = [name] if count is None else [f"{name} {number}" for number in range(1, count + 1)]
        try:
            # Nothing is printed before all are there, so that no key is shown of a camera that is not.
            with scope.within(org.pk), transaction.atomic():
                added = [add_device(org=org, name=name, acting_user=None) for name in names]
        except DomainError as error:
            raise CommandError(str(error)) from error
        for device, key in added:
            self.stdout.write(_as_json(device, key) if options["json"] else _for_people(device, key))


def _as_json(device: Device, key: str) -> str:
    return json.dumps({"id": str(device.pk), "key": key})


def _for_people(device: Device, key: str) -> str:
    return f"{device.name} is added.\nid   {device.pk}\nkey  {key}  (shown this once)"


def _count(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= MOST):
        raise ArgumentTypeError(f"must be a whole number from 1 to {MOST}, not {text!r}.")
    return int(text)
