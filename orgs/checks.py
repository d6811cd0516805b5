"""What is looked at when the database is: whether the second wall stands."""

from collections.abc import Sequence
from typing import Any

from django.core import checks
from django.db import connections

BYPASSES = "SELECT rolname FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolbypassrls)"


def check_role(
    app_configs: Sequence[Any] | None, databases: Sequence[str] | None = None, **options: Any
) -> list[checks.CheckMessage]:
    """The role is bound by row-level security: PostgreSQL asks no policy of a superuser, nor of BYPASSRLS.

    A warning and not an error: the wall in the code stands, and a running installation must be able to migrate.
    """
    return [message for alias in databases or () for message in _look_at(alias)]


def _look_at(alias: str) -> list[checks.CheckMessage]:
    connection = connections[alias]
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(BYPASSES)
        row = cursor.fetchone()
    if row is None:
        return []
    return [
        checks.Warning(
            f"Row-level security does not bind the database role {row[0]}: one of the two walls between "
            "organizations is missing.",
            hint="Connect as a role that is neither superuser nor BYPASSRLS and owns the tables "
            "(CREATE ROLE visant LOGIN PASSWORD '…'; see docs/operations.md).",
            id="orgs.W001",
        )
    ]
