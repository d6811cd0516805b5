import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from devices.labels import labels_file, why_labels_lead_nowhere
from devices.services.labels import Label
from devices.services.units import make_units
from orgs.commands import VisantCommand
from orgs.errors import DomainError


class Command(VisantCommand):
    help = "Make units of hardware, and print their serials and claim codes, this once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--count", type=int, required=True, metavar="N")
        parser.add_argument("--model", required=True)
        parser.add_argument("--days", type=int, default=365, metavar="N", help="how long they can be claimed")
        parser.add_argument("--out", metavar="FILE", help="write a sheet of labels (HTML) for printing")
        parser.add_argument("--json", action="store_true", help='print {"serial": …, "code": …, "qr": …} per line')

    def handle(self, **options: Any) -> None:
        try:
            with transaction.atomic():  # no units whose codes nobody has, should the file not be written
                labels = make_units(model=options["model"], count=options["count"], code_days=options["days"])
                if options["out"]:
                    _write(Path(options["out"]), labels_file(labels))
        except FileExistsError as error:
            raise CommandError(
                f"{options['out']} is there already; its codes may be in it. Name another."
            ) from error
        except (DomainError, OSError) as error:
            raise CommandError(str(error)) from error
        if warning := why_labels_lead_nowhere():
            self.stderr.write(self.style.WARNING(warning))
        for label in labels:
            self.stdout.write(_as_json(label) if options["json"] else f"{label.unit.serial}  {label.code}")


def _write(path: Path, text: str) -> None:
    """Write a new file that only its owner reads. One that is there is not overwritten: its codes are in it."""
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(text)


def _as_json(label: Label) -> str:
    return json.dumps({"serial": label.unit.serial, "code": label.code, "qr": label.qr_text})
