from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from orgs.commands import UNREACHABLE, VisantCommand
from visant.backup.errors import BackupError, NotComplete, StorageAway
from visant.backup.files import DAMAGE, listed_problems
from visant.backup.folder import StoredBackup, complete_backups, find_backup
from visant.backup.making import make_backup, problems_of
from visant.backup.verifying import verify_backup

EXIT_FAILED, EXIT_DAMAGE = 1, 3


class Command(VisantCommand):
    help = (
        "Back up everything, database and pictures, into a folder: backup PATH. "
        "Try the newest backup in a folder: backup verify PATH. See what there is: backup list PATH. "
        "Exit status 0: done; 1: refused; 2: database, storage or folder do not answer; "
        "3: done, but some pictures are missing or damaged."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("words", nargs="+", metavar="[verify|list] PATH")
        parser.add_argument("--keep", type=_count, metavar="N", help="afterwards only the newest N backups stay")
        parser.add_argument(
            "--with-secrets",
            action="store_true",
            help="with SECRET_KEY and the key peppers, in a file of mode 600",
        )
        parser.add_argument("--recheck", action="store_true", help="read again what earlier backups have copied")
        parser.add_argument(
            "--sample", type=_count, default=100, metavar="N", help="verify: open N random pictures"
        )

    def handle(self, *, words: list[str], **options: Any) -> None:
        *verbs, path = words
        actions = {(): self._make, ("verify",): self._verify, ("list",): self._list}
        if tuple(verbs) not in actions or (path,) in actions:
            raise CommandError("Say backup PATH, backup verify PATH, or backup list PATH.")
        try:
            actions[tuple(verbs)](Path(path), options)
        except StorageAway as error:
            raise CommandError(str(error), returncode=UNREACHABLE) from error
        except BackupError as error:
            raise CommandError(str(error), returncode=EXIT_FAILED) from error
        except OSError as error:
            sentence = f"{error.strerror or error}: {error.filename or path}"
            raise CommandError(sentence, returncode=UNREACHABLE) from error

    def _make(self, root: Path, options: dict[str, Any]) -> None:
        quiet = options["verbosity"] == 0
        names = ("keep", "with_secrets", "recheck")
        backup = make_backup(root, quiet=quiet, **{name: options[name] for name in names})
        self.stdout.write(_described(backup))
        if not options["with_secrets"]:
            self.stdout.write("Without SECRET_KEY and the key peppers: keep those elsewhere (docs/backup.md).")
        if problems_of(backup):
            for text in listed_problems(backup):
                self.stderr.write(text)
            raise CommandError(
                f"{problems_of(backup)} files are {', '.join(DAMAGE)}. The backup has all there was.",
                returncode=EXIT_DAMAGE,
            )

    def _verify(self, path: Path, options: dict[str, Any]) -> None:
        backup = find_backup(path)
        report = verify_backup(backup, sample=options["sample"], quiet=options["verbosity"] == 0)
        self.stdout.write(
            f"{backup.folder}: {report.rows} rows restored and compared, {report.files} files opened."
        )
        for problem in report.problems:
            self.stderr.write(problem)
        if report.problems:
            raise CommandError(f"{len(report.problems)} problems: it is not as it was.", returncode=EXIT_DAMAGE)
        if problems_of(backup):
            raise CommandError(
                f"It is as it was made, but {problems_of(backup)} files were {' or '.join(DAMAGE)} already.",
                returncode=EXIT_DAMAGE,
            )

    def _list(self, root: Path, options: dict[str, Any]) -> None:
        backups = complete_backups(root)
        if not backups:
            raise NotComplete(f"There is no complete backup in {root}.")
        for backup in backups:
            self.stdout.write(_described(backup))


def _described(backup: StoredBackup) -> str:
    files = backup.manifest["files"]
    rows = sum(table["rows"] for table in backup.manifest["tables"])
    problems = problems_of(backup)
    return (
        f"{backup.folder}: {rows} rows, {files['kept']} files of {files['bytes']} bytes, "
        f"{'with secrets' if backup.manifest['with_secrets'] else 'without secrets'}, "
        f"{f'{problems} files missing or damaged' if problems else 'nothing missing'}."
    )


def _count(text: str) -> int:
    if not (text.isdecimal() and int(text) >= 1):
        raise ArgumentTypeError("must be a whole number from 1 on.")
    return int(text)
