from typing import Any

from django.conf import settings
from django.core.files.storage import storages
from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from captures.storage.checks import bucket_trouble
from captures.storage.moving import MoveReport, count_files, move_files
from orgs.commands import VisantCommand

OTHER = {"s3": "filesystem", "filesystem": "s3"}


class Command(VisantCommand):
    help = "Bring all pictures to the other storage; run it again to go on. The steps: docs/storage.md."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--to", required=True, choices=sorted(OTHER), help="where the pictures are to be")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and write nothing")
        parser.add_argument("--verify", action="store_true", help="read all again from there, and compare")
        parser.add_argument(
            "--delete-source",
            action="store_true",
            help="delete each file where it was, once it was read again from where it is to be",
        )

    def handle(self, **options: Any) -> None:
        target = options["to"]
        self._refuse(target, delete_source=options["delete_source"], dry_run=options["dry_run"])
        if not options["dry_run"]:
            self._make_ready(target)
        try:
            # Shown to people at a terminal only.
            with tqdm(total=count_files(), unit="file", disable=None, file=self.stderr) as bar:
                report = move_files(
                    source=storages[OTHER[target]],
                    target=storages[target],
                    dry_run=options["dry_run"],
                    verify=options["verify"],
                    delete_source=options["delete_source"],
                    moved=bar.update,
                )
        except OSError as error:
            raise CommandError(f"Stopped: {error.strerror or error}. Run it again; it goes on.") from error
        self._tell(report, dry_run=options["dry_run"])

    def _refuse(self, target: str, *, delete_source: bool, dry_run: bool) -> None:
        if "s3" not in settings.STORAGES:
            raise CommandError("VISANT_S3_BUCKET is not set; set the variables of S3 first, for both directions.")
        if delete_source and target != settings.VISANT_STORAGE:
            raise CommandError(
                f"New pictures still go to {settings.VISANT_STORAGE}: set VISANT_STORAGE={target} and "
                f"VISANT_STORAGE_FALLBACK={OTHER[target]} and start Visant anew before anything is deleted."
            )
        if delete_source and dry_run:
            raise CommandError("Either --dry-run or --delete-source.")

    def _make_ready(self, target: str) -> None:
        """A bucket that is missing is made, if the account may."""
        for trouble in bucket_trouble(target):
            raise CommandError(f"{trouble.what} {trouble.fix}")

    def _tell(self, report: MoveReport, *, dry_run: bool) -> None:
        for outcome, key in report.trouble:
            self.stderr.write(f"{outcome}: {key}")
        would = "would be " if dry_run else ""
        parts = [
            f"{count} {would if outcome == 'copied' else ''}{outcome}" for outcome, count in report.counts.items()
        ]
        done = f" Verified: {report.verified}. Deleted in the source: {report.deleted}."
        self.stdout.write(f"{report.total} files: {', '.join(parts) or 'none'}.{'' if dry_run else done}")
        if report.trouble:
            raise CommandError(f"{len(report.trouble)} files are not where they should be; see above.")
