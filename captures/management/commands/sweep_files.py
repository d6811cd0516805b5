from typing import Any

from django.core.management.base import CommandError, CommandParser

from captures.upkeep import SweepHeld, resume_upkeep, sweep_files
from orgs.commands import VisantCommand


class Command(VisantCommand):
    help = "Move files that no capture speaks of, older than a day, to the quarantine (kept there 30 days)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
        parser.add_argument(
            "--resume", action="store_true", help="after a restore: files that no row speaks of may go from now on"
        )

    def handle(self, **options: Any) -> None:
        if options["resume"] and options["dry_run"]:
            raise CommandError("Either --dry-run or --resume.")
        if options["resume"]:
            resume_upkeep()
        try:
            report = sweep_files(dry_run=options["dry_run"])
        except SweepHeld as error:
            raise CommandError(str(error)) from error
        would = "would be " if options["dry_run"] else ""
        for key in report.quarantined:
            self.stdout.write(f"{would}quarantined  {key}")
        for key in report.deleted:
            self.stdout.write(f"{would}deleted  {key}")
        for key in report.restored:
            self.stdout.write(f"{would}restored  {key}")
        self.stdout.write(
            f"{report.seen} files older than a day: {len(report.quarantined)} {would}quarantined, "
            f"{len(report.deleted)} {would}deleted from the quarantine."
        )
