import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from captures.leaving.deleting import delete_organization, rows_of
from orgs.models import Deletion, Organization
from orgs.services.deletions import deletion_of, make_deletion


class Command(BaseCommand):
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
        if receipt and receipt.exists():
            raise CommandError(f"{receipt} is there already.")
        done = delete_organization(_due_now(org))
        if done is None:
            raise CommandError("Another process is deleting it.")
        text = json.dumps(done.receipt, indent=2)
        if receipt:
            receipt.write_text(text + "\n")
        self.stdout.write(text)


def _due_now(org: Organization) -> Deletion:
    """The one that an owner asked for, which need not be waited for any more, or a new one."""
    now = timezone.now()
    deletion = deletion_of(org)
    if deletion is None:
        return make_deletion(org=org, due_at=now)
    Deletion.objects.filter(pk=deletion.pk, begun_at=None).update(due_at=now)
    return deletion
