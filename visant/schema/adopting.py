"""Taking over a database whose tables are there already: the migrations that made them are recorded, not run."""

from typing import Any

from django.core.management.base import CommandError
from django.db import transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from visant.schema.catalog import Catalog

# A row among the records says which of them were adopted, and when. Django knows no such app and passes it by.
MARK = "visant_adoption"
RECORDS = "django_migrations"


def to_record(connection: Any) -> list[tuple[str, str]]:
    """Return the migrations that are not recorded, in the order in which they would be applied."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [(migration.app_label, migration.name) for migration, _ in plan]


def comparable(reference: Catalog, live: Catalog) -> tuple[Catalog, Catalog]:
    """Return both without the table of records where the database has none: that is what adopting makes."""
    if any(key.table == RECORDS for key in live.things):
        return reference, live
    return reference.without(RECORDS), live


def adopt(connection: Any, migrations: list[tuple[str, str]]) -> None:
    """Record ``migrations`` as applied, all in one moment."""
    recorder = MigrationRecorder(connection)
    recorder.ensure_schema()
    now = timezone.now()
    rows = [*migrations, (MARK, now.isoformat())]
    with transaction.atomic(using=connection.alias):
        for app, name in rows:
            recorder.migration_qs.create(app=app, name=name, applied=now)


def adopted(connection: Any) -> list[tuple[str, str]]:
    """Return what the latest adoption recorded. Raises CommandError when there was none, or it was built upon."""
    recorder = MigrationRecorder(connection)
    rows = recorder.migration_qs.order_by("pk") if recorder.has_table() else None
    mark = rows.filter(app=MARK).last() if rows is not None else None
    if rows is None or mark is None:
        raise CommandError("This database was not adopted; there is nothing to take back.")
    later = rows.filter(applied__gt=mark.applied).first()
    if later is not None:
        raise CommandError(
            f"{later.app}.{later.name} was applied since; roll it back first (manage.py schema rollback)."
        )
    return list(rows.filter(applied=mark.applied).exclude(app=MARK).values_list("app", "name"))


def forget(connection: Any) -> None:
    """Take the records of the latest adoption away again; the tables stay as they are."""
    rows = MigrationRecorder(connection).migration_qs
    with transaction.atomic(using=connection.alias):
        mark = rows.filter(app=MARK).latest("pk")
        rows.filter(applied=mark.applied).delete()
