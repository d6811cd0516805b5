from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from captures.upkeep import sweep_files


class Command(BaseCommand):
    help = "Move files that no capture speaks of, older than a day, to the quarantine (kept there 30 days)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")

    def handle(self, **options: Any) -> None:
        report = sweep_files(dry_run=options["dry_run"])
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
