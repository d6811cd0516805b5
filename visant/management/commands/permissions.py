import re
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from orgs.commands import VisantCommand
from visant.permissions import table

DOCUMENT = settings.BASE_DIR / "docs/permissions.md"
BETWEEN = re.compile(r"(?<=<!-- made by make permissions -->\n).*(?=<!-- until here -->)", re.DOTALL)


class Command(VisantCommand):
    help = "Print who may enter by which door: every URL and method with the smallest role."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--write", action="store_true", help="bring docs/permissions.md up to date")

    def handle(self, *, write: bool, **options: Any) -> None:
        if write:
            DOCUMENT.write_text(BETWEEN.sub(lambda _: table(), DOCUMENT.read_text()))
        self.stdout.write(table(), ending="")
