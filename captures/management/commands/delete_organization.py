import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from captures.leaving.deleting import delete_organization, rows_of
from orgs.commands import VisantCommand
from orgs.models import Deletion, Organization
from orgs.services.deletions import deletion_of, make_deletion


class Command(VisantCommand):
    help = (
        "Delete an organization for good, at once: all its rows and files. Prints the receipt, which stays in the "
        "admin. Without --yes it says what would be deleted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", metavar="SLUG")
        parser.add_argument("--yes", action="store_true", help="really delete it")
        parser.add_argument("--receipt", type=Path, metavar="FILE", help="write the receipt to a new file, too")

    def handle(self, *, slug: str, yes: bool, receipt: Path | None, **options: Any) -> None:
        org = Organization.objects.filter(slug=slug).first()
        if org is None:
            raise CommandError(f"There is no organization {slug}.")
        if not yes:
            for label, count in rows_of(org).items():
                self.stdout.write(f"{count} × {label}")
            raise CommandError(f"Nothing was deleted. Say --yes to delete {org.name} with its files, for good.")
        with _new_file(receipt) as file:
            done = delete_organization(_due_now(org))
            if done is None:
                raise CommandError("Another process is deleting it.")
            text = json.dumps(done.receipt, indent=2)
            # The disk of the file may be full: what is printed is there.
            self.stdout.write(text)
            if file:
                file.write(text + "\n")


@contextlib.contextmanager
def _new_file(path: Path | None) -> Iterator[IO[str] | None]:
    """Made before anything is deleted, and taken away again when nothing was written."""
    if path is None:
        yield None
        return
    try:
        file = path.open("x", encoding="utf-8")
    except OSError as error:
        raise CommandError(f"The receipt {path} cannot be made: {error.strerror}. Nothing was deleted.") from error
    try:
        with file:
            yield file
    finally:
        if not path.stat().st_size:
            path.unlink()


def _due_now(org: Organization) -> Deletion:
    """The one that an owner asked for, which need not be waited for any more, or a new one."""
    now = timezone.now()
    deletion = deletion_of(org)
    if deletion is None:
        return make_deletion(org=org, due_at=now)
    Deletion.objects.filter(pk=deletion.pk, begun_at=None).update(due_at=now)
    return deletion
