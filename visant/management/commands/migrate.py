import logging
import time
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import OperationalError, connections
from psycopg.errors import LockNotAvailable

from orgs import scope
from visant.schema.locking import MIGRATION, advisory_lock
from visant.schema.reaching import FAILED, reach

logger = logging.getLogger(__name__)

# Who waits for a table holds up all who come after, readers, too. So a change does not wait longer than this, but
# steps aside and tries again.
LOCK_SECONDS = 2.0
TRIES = 30
PAUSE_SECONDS = 1.0


class Command(migrate.Command):
    help = (
        "Bring the schema up to date, as a job of its own: one at a time, and not longer in the way than needed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        for name, usual, what in (("--wait", 60, "the database"), ("--lock-wait", 600, "another job")):
            explained = f"how many seconds {what} is waited for ({usual})"
            parser.add_argument(name, type=float, default=usual, metavar="SECONDS", help=explained)

    def execute(self, *args: Any, **options: Any) -> str | None:
        """The system's checks come before ``handle``, and ask the database, too."""
        reach(connections[options["database"]], wait=options["wait"])
        return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        """Status 0: done; 1: configuration; 2: database or lock was not to be had; 3: a migration failed."""
        self._connection = connections[options["database"]]
        with (
            advisory_lock(self._connection, MIGRATION, wait=options["lock_wait"]),
            scope.across_organizations("migrations change the rows of all organizations"),
        ):
            try:
                self._migrate(*args, **options)
            finally:
                self._wait_as_before()

    def _migrate(self, *args: Any, **options: Any) -> None:
        """What was applied stays applied: another try goes on with the one that had to step aside."""
        for left in reversed(range(TRIES)):
            self._at = "Preparing the migrations"
            try:
                super().handle(*args, **options)
                return
            except CommandError:
                raise
            except Exception as error:
                if not (left and _stood_in_line(error)):
                    logger.exception("%s failed", self._at)
                    raise CommandError(f"{self._at} failed: {error}".strip(), returncode=FAILED) from error
                logger.warning("%s stepped aside for others at work; it is tried again.", self._at)
            time.sleep(PAUSE_SECONDS)

    def migration_progress_callback(self, action: str, migration: Any = None, fake: bool = False) -> None:
        if action in ("apply_start", "unapply_start"):
            self._at = str(migration)
            # One without a transaction (an index built CONCURRENTLY) stands in nobody's way while it waits.
            self._wait_at_most(LOCK_SECONDS if migration.atomic else 0)
        super().migration_progress_callback(action, migration, fake)

    def _wait_at_most(self, seconds: float) -> None:
        if self._connection.vendor == "postgresql":
            with self._connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{seconds}s"])

    def _wait_as_before(self) -> None:
        connection = self._connection.connection
        if self._connection.vendor == "postgresql" and connection is not None and not connection.closed:
            with self._connection.cursor() as cursor:
                cursor.execute("RESET lock_timeout")


def _stood_in_line(error: Exception) -> bool:
    return isinstance(error, OperationalError) and isinstance(error.__cause__, LockNotAvailable)
