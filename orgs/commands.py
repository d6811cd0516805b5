"""What all management commands of Visant have in common: how they end when what they need does not answer."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from orgs.errors import DATABASE_DOWN

UNREACHABLE = 2


class VisantCommand(BaseCommand):
    """Ends with a sentence and status 2 when the database or the storage does not answer, in its checks, too."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except DATABASE_DOWN as error:
            raise CommandError(f"The database does not answer: {error}".strip(), returncode=UNREACHABLE) from error
        except OSError as error:
            raise CommandError(
                f"The storage, or a file, does not answer: {error}", returncode=UNREACHABLE
            ) from error
