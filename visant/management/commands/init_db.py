import os
import sys
from typing import Any

import psycopg
from django.core.management.base import CommandError, CommandParser

from orgs.commands import VisantCommand
from visant.schema.provisioning import make_database
from visant.schema.reaching import CONFIGURATION, UNREACHABLE, is_refused

VARIABLE = "ADMIN_DATABASE_URL"


class Command(VisantCommand):
    help = (
        "Make a PostgreSQL database and the role that owns it, look at what Visant needs of them, and print the "
        "DATABASE_URL, which alone goes to the standard output. Run again, it changes nothing."
    )
    requires_system_checks: list[str] = []  # they may ask the database that is yet to be made

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--admin-url-stdin",
            action="store_true",
            help=f"read the administrator's URL from the standard input instead of {VARIABLE}",
        )
        parser.add_argument("--name", default="visant", help="of the database (visant)")
        parser.add_argument("--role", default="visant", help="that owns it and that Visant works as (visant)")
        parser.add_argument(
            "--new-password", action="store_true", help="give a role that is there already a new password"
        )

    def handle(self, *, admin_url_stdin: bool, name: str, role: str, new_password: bool, **options: Any) -> None:
        """Status 0: it is there; 1: something is not as it must be; 2: the server does not answer."""
        admin_url = sys.stdin.readline().strip() if admin_url_stdin else os.environ.get(VARIABLE, "")
        if not admin_url.startswith(("postgres://", "postgresql://")):
            raise CommandError(
                f"Name an administrator in {VARIABLE}, like postgres://postgres:password@host:5432/postgres."
            )
        try:
            made = make_database(admin_url=admin_url, name=name, role=role, new_password=new_password)
        except psycopg.OperationalError as error:
            reason = " ".join(str(error).split())
            status = CONFIGURATION if is_refused(reason) else UNREACHABLE
            raise CommandError(f"The server cannot be worked with: {reason}", returncode=status) from error
        except psycopg.Error as error:
            raise CommandError(f"The server refused: {error}", returncode=CONFIGURATION) from error
        for sentence in made.said:
            self.stderr.write(sentence)
        if ":" not in made.url.partition("://")[2].partition("@")[0]:
            self.stderr.write("Put the role's password into the URL, or run this with --new-password.")
        self.stdout.write(f"DATABASE_URL={made.url}")
