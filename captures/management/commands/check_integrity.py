import math
import uuid
from argparse import ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from captures.integrity.checking import check_integrity
from captures.integrity.findings import open_findings
from orgs.commands import VisantCommand
from orgs.limits import GB


class Command(VisantCommand):
    help = (
        "Look whether the bytes of each picture and export are there, and read some pictures again; then list "
        "what is wrong. "
        "The scheduler does it each day. Exit status 1 when something is wrong."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--gigabytes",
            type=_gigabytes,
            default=settings.VISANT_INTEGRITY_GB_A_DAY,
            help="how much is read again, from the oldest picture on (default: what is set for a day)",
        )
        parser.add_argument("--all", action="store_true", help="read all of them again")
        parser.add_argument("--list", action="store_true", help="look at nothing, list what was found before")

    def handle(self, **options: Any) -> None:
        exports_lost = 0
        if not options["list"]:
            exports_lost = self._check(budget=2**63 if options["all"] else int(options["gigabytes"] * GB))
        findings = open_findings()
        for finding in findings:
            capture, org = finding.capture, finding.org.slug
            taken = capture.captured_at.isoformat()
            where = f"{org}  {capture.device}  {taken}  {capture.storage_key}"
            self.stdout.write(f"{finding.problem}  {capture.pk}  {where}")
        wrong = [f"{len(findings)} pictures are not as they came in."] if findings else []
        if exports_lost:
            wrong.append(f"Exports whose file is gone: {exports_lost}; their owners can ask for others.")
        if wrong:
            raise CommandError(" ".join(wrong), returncode=1)
        self.stdout.write("Nothing is known to be wrong.")

    def _check(self, *, budget: int) -> int:
        """Return how many exports were found to be lost, which is told this once."""
        try:
            found = check_integrity(budget=budget, start=uuid.UUID(int=0))
        except OSError as error:
            raise CommandError(f"The storage does not answer: {error}", returncode=2) from error
        self.stdout.write(
            f"{found.looked_for} pictures looked for, {found.read} read again ({found.bytes_read:,} bytes): "
            f"{found.missing} missing, {found.damaged} damaged, {found.mended} mended."
        )
        return found.exports_lost


def _gigabytes(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise ArgumentTypeError("must be a number from 0 on.")
    return number
