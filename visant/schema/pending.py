"""Is the database's schema the one this code expects?"""

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor


def pending_migrations(alias: str = DEFAULT_DB_ALIAS) -> list[str]:
    """Return the migrations that are not applied, in the order in which they would be."""
    executor = MigrationExecutor(connections[alias])
    return [str(step) for step, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]


def lack_of(pending: list[str]) -> str:
    """Say what is missing, in the words of ``/readyz`` and of the logs."""
    return f"{len(pending)} migrations are not applied; the next is {pending[0]}" if pending else ""
