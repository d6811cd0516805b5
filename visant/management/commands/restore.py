from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from orgs.commands import UNREACHABLE, VisantCommand
from visant.backup.errors import BackupError, StorageAway
from visant.backup.folder import SECRETS, StoredBackup, find_backup
from visant.backup.restoring import RestoreReport, restore_backup

EXIT_DAMAGE = 3


class Command(VisantCommand):
    help = (
        "Restore a backup, or the newest one in a folder, into an empty database and the storage of the settings. "
        "Exit status 0: done; 1: refused; 2: database, storage or folder do not answer; "
        "3: done, but some pictures are missing or damaged."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, metavar="PATH")
        parser.add_argument(
            "--into-used-storage",
            action="store_true",
            help="though the storage has files that the backup does not know; no other installation may use it",
        )

    def handle(self, *, path: Path, into_used_storage: bool, **options: Any) -> None:
        try:
            backup = find_backup(path)
            report = restore_backup(backup, into_used_storage=into_used_storage, quiet=options["verbosity"] == 0)
        except StorageAway as error:
            raise CommandError(str(error), returncode=UNREACHABLE) from error
        except BackupError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error}. Run it again; it goes on.", returncode=UNREACHABLE) from error
        self.stdout.write(
            f"{backup.folder}: {report.rows} rows and {report.files} files are back "
            f"({report.outcomes['there']} files were there already)."
        )
        self._tell_of_secrets(backup, report)
        self._tell_of_files_without_row(report)
        for problem in report.problems:
            self.stderr.write(problem)
        if report.damaged:
            raise CommandError(f"{report.damaged} files are missing or damaged.", returncode=EXIT_DAMAGE)

    def _tell_of_files_without_row(self, report: RestoreReport) -> None:
        if not report.without_row:
            return
        self.stderr.write(
            self.style.ERROR(
                f"THE STORAGE HAS {report.without_row} FILES THAT NO ROW SPEAKS OF: newer than the backup, or "
                "another installation's. If another installation uses this storage, do not start this one. "
                "Nothing is swept or pruned by night until manage.py sweep_files --resume; what to do before: "
                "docs/backup.md."
            )
        )

    def _tell_of_secrets(self, backup: StoredBackup, report: RestoreReport) -> None:
        if not report.lacking_secrets:
            return
        where = (
            f"they are in {backup.folder / SECRETS}" if backup.manifest["with_secrets"] else "not in this backup"
        )
        self.stderr.write(
            self.style.ERROR(
                f"THE SECRETS HERE ARE NOT THE BACKUP'S ({where}): {', '.join(report.lacking_secrets)}. "
                "Until SECRET_KEY and VISANT_KEY_PEPPERS are what they were, no camera's key and no token opens, "
                "no second factor is accepted, and everybody logs in again. Set them before the service starts."
            )
        )
