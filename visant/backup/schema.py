"""Which migrations a backup was made with, and bringing an empty database to that state and on from it."""

from collections.abc import Iterable

from django.apps import apps
from django.apps.registry import Apps
from django.core.management.sql import emit_post_migrate_signal
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from visant.backup.errors import BackupError, UnknownVersion
from visant.schema.pending import pending_migrations

Migrations = dict[str, list[str]]


def applied_migrations(alias: str) -> Migrations:
    """Return the names of the migrations that a database has, by their apps."""
    names: Migrations = {}
    for app, name in sorted(MigrationLoader(connections[alias]).applied_migrations):
        names.setdefault(app, []).append(name)
    return names


def refuse_pending(alias: str) -> None:
    """Raise unless the database has the schema of this Visant: rows are read by its models."""
    if pending := pending_migrations(alias):
        raise BackupError(f"The database lacks the migration {pending[0]}: run manage.py migrate first.")


def refuse_unknown(migrations: Migrations, *, made_with: str) -> None:
    """Raise :class:`UnknownVersion` for migrations that this Visant has not."""
    known = MigrationLoader(None).disk_migrations
    missing = sorted(f"{app}.{name}" for app, name in _pairs(migrations) if (app, name) not in known)
    if missing:
        raise UnknownVersion(
            f"The backup has the migration {missing[0]}, which this Visant does not know: "
            f"restore it with Visant {made_with} or a later one."
        )


def bring_to(migrations: Migrations, alias: str) -> Apps:
    """Give an empty database the schema that a backup was made with, and return the models of that schema."""
    wanted = set(_pairs(migrations))
    executor = MigrationExecutor(connections[alias])
    everything = executor.migration_plan(executor.loader.graph.leaf_nodes(), clean_start=True)
    plan = {(migration.app_label, migration.name): migration for migration, _ in everything}
    applied = set(executor.loader.applied_migrations)
    back = [(plan[key], True) for key in reversed(plan) if key in applied - wanted]
    if back:
        executor.migrate([], plan=back)
        executor = MigrationExecutor(connections[alias])
    forward = [(plan[key], False) for key in plan if key in wanted - applied]
    if forward:
        executor.migrate([], plan=forward)
    if wanted == set(plan):
        return apps
    return _models_at(wanted, alias)


def bring_up_to_date(alias: str) -> None:
    """Migrate on to the schema of this Visant."""
    executor = MigrationExecutor(connections[alias])
    executor.migrate(executor.loader.graph.leaf_nodes())
    # Content types and permissions of models that came since.
    emit_post_migrate_signal(verbosity=0, interactive=False, db=alias)


def _models_at(wanted: set[tuple[str, str]], alias: str) -> Apps:
    loader = MigrationLoader(connections[alias])
    nodes = loader.graph.node_map
    last = [key for key in wanted if not any(child.key in wanted for child in nodes[key].children)]
    models: Apps = loader.project_state(sorted(last)).apps
    return models


def _pairs(migrations: Migrations) -> Iterable[tuple[str, str]]:
    return ((app, name) for app, names in migrations.items() for name in names)
