from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection

from orgs.commands import VisantCommand
from visant.schema import adopting
from visant.schema.catalog import read_catalog
from visant.schema.differences import compare, table_of
from visant.schema.locking import MIGRATION, advisory_lock
from visant.schema.losses import last_applied
from visant.schema.mending import mend
from visant.schema.planning import plan
from visant.schema.reaching import reach
from visant.schema.reference import read_reference


class Command(VisantCommand):
    help = "Look at the database's schema, take over one that is there, or go back (docs/migrations.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        parts = parser.add_subparsers(dest="part", required=True, metavar="plan|verify|adopt|rollback")
        parts.add_parser(
            "plan", help="the pending migrations: their SQL, the locks they take, whether they go back"
        )
        verify = parts.add_parser("verify", help="compare the live schema with what models and migrations make")
        verify.add_argument("--sql", action="store_true", help="print the SQL that would mend it, too")
        adopt = parts.add_parser(
            "adopt", help="record the migrations of a database whose tables are there already"
        )
        adopt.add_argument("--dry-run", action="store_true", help="say what would be recorded, and record nothing")
        adopt.add_argument(
            "--undo", action="store_true", help="take the records of the latest adoption away again"
        )
        adopt.add_argument("--yes", action="store_true", help="do not ask")
        rollback = parts.add_parser("rollback", help="undo the migrations that were applied last")
        rollback.add_argument("steps", nargs="?", type=int, default=1, metavar="STEPS", help="how many (1)")
        rollback.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *, part: str, **options: Any) -> None:
        """Status 0: as it should be, or done; 1: not so, or not to be done; 2: the database does not answer."""
        reach(connection, wait=0)
        getattr(self, f"_{part}")(**options)

    def _plan(self, **options: Any) -> None:
        steps = plan(connection)
        for step in steps:
            way_back = "goes back" if step.is_reversible else self.style.WARNING("has NO way back")
            self.stdout.write(
                f"{step.name}: {'one transaction' if step.is_atomic else 'no transaction'}, {way_back}"
            )
            for sql, lock in step.statements:
                self.stdout.write(f"    {sql}")
                if lock:
                    self.stdout.write(f"      -- locks {lock}")
        self.stdout.write(f"{len(steps)} migrations to apply." if steps else "Nothing to apply.")

    def _verify(self, *, sql: bool, **options: Any) -> None:
        self._compare(show_sql=sql)
        self.stdout.write("The database is as the models and migrations make it.")

    def _adopt(self, *, dry_run: bool, undo: bool, yes: bool, **options: Any) -> None:
        if undo:
            self._undo(dry_run=dry_run, yes=yes)
            return
        missing = adopting.to_record(connection)
        if not missing:
            self.stdout.write("All migrations are recorded; there is nothing to adopt.")
            return
        self._compare(show_sql=True, for_adoption=True)
        self._show("Every table is as the migrations make it. To be recorded", missing)
        if dry_run or not self._agreed(yes, "Record them?"):
            return
        with advisory_lock(connection, MIGRATION):
            adopting.adopt(connection, adopting.to_record(connection))
        # What migrate does at its end: content types and permissions of the models.
        emit_post_migrate_signal(verbosity=0, interactive=False, db=connection.alias)
        self.stdout.write("The database is adopted.")

    def _undo(self, *, dry_run: bool, yes: bool) -> None:
        self._show("The records to be taken away", adopting.adopted(connection))
        if dry_run or not self._agreed(yes, "Take them away?"):
            return
        with advisory_lock(connection, MIGRATION):
            adopting.forget(connection)
        self.stdout.write("The records are gone; the tables are as they were.")

    def _rollback(self, *, steps: int, yes: bool, **options: Any) -> None:
        if steps < 1:
            raise CommandError("STEPS must be at least 1.")
        shown = last_applied(connection, steps)
        for one in shown:
            self.stdout.write(f"{one.name} loses " + ("; ".join(one.losses) or "no data") + ".")
        if not self._agreed(yes, "Roll back?"):
            return
        for done, one in enumerate(shown):
            if last_applied(connection, 1)[0].name != one.name:
                raise CommandError(f"Another job migrated meanwhile; {done} of {steps} were rolled back.")
            call_command("migrate", *one.target, verbosity=options["verbosity"], stdout=self.stdout)
        self.stdout.write(f"Rolled back {', '.join(one.name for one in shown)}.")

    def _compare(self, *, show_sql: bool, for_adoption: bool = False) -> None:
        reference, live = read_reference(), read_catalog(connection)
        if for_adoption:
            reference, live = adopting.comparable(reference, live)
        found = compare(reference, live)
        if not found:
            return
        self.stdout.write(table_of(found))
        if show_sql:
            self.stdout.write("\nThis SQL would mend it; read it before you run it:\n")
            self.stdout.write("\n".join(mend(found, reference, live)))
        places = "1 place" if len(found) == 1 else f"{len(found)} places"
        raise CommandError(f"The database differs from the models in {places}.")

    def _show(self, title: str, migrations: list[tuple[str, str]]) -> None:
        names = "\n".join(f"    {app}.{name}" for app, name in migrations)
        self.stdout.write(f"{title}, {len(migrations)} migrations:\n{names}")

    def _agreed(self, yes: bool, question: str) -> bool:
        try:
            if yes or input(f"{question} [yes/no] ").strip().lower() == "yes":
                return True
        except EOFError as nobody:
            raise CommandError("Nothing was changed: nobody is there to answer; --yes does.") from nobody
        self.stdout.write("Nothing was changed.")
        return False
