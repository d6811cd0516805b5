"""``manage.py schema plan`` and ``rollback``: what would be done, and what would be lost."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, migrations
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from tests.builders import make_capture
from visant.schema.locks import lock_of
from visant.schema.losses import last_applied
from visant.schema.planning import is_reversible

WHILE = "while every row is read"
ROWS = {"captures_capture": 1_000_000}


@pytest.mark.parametrize(
    ("sql", "lock"),
    [
        (
            'ALTER TABLE "captures_capture" ADD COLUMN "x" integer NULL',
            "ACCESS EXCLUSIVE on captures_capture (about 1,000,000 rows): reads and writes wait for a moment",
        ),
        (
            'ALTER TABLE "captures_capture" ALTER COLUMN "x" SET NOT NULL',
            f"ACCESS EXCLUSIVE on captures_capture (about {1_000_000:,} rows): reads and writes wait {WHILE}",
        ),
        (
            'ALTER TABLE "captures_label" ALTER COLUMN "x" TYPE bigint USING "x"::bigint',
            "ACCESS EXCLUSIVE on captures_label: reads and writes wait; it may write every row",
        ),
        (
            "ALTER TABLE captures_label ADD CONSTRAINT a CHECK (x > 0)",
            "ACCESS EXCLUSIVE on captures_label: reads and writes wait while every row is read",
        ),
        (
            "ALTER TABLE captures_label ADD CONSTRAINT a CHECK (x > 0) NOT VALID",
            "ACCESS EXCLUSIVE on captures_label: reads and writes wait for a moment",
        ),
        (
            "ALTER TABLE captures_label VALIDATE CONSTRAINT a",
            "SHARE UPDATE EXCLUSIVE on captures_label: reads and writes go on",
        ),
        (
            "ALTER TABLE captures_label ADD CONSTRAINT a FOREIGN KEY (b) REFERENCES c (id)",
            "SHARE ROW EXCLUSIVE on captures_label: writes wait while every row is read",
        ),
        (
            'CREATE INDEX "i" ON "captures_label" ("x")',
            "SHARE on captures_label: writes wait while every row is read",
        ),
        (
            'CREATE UNIQUE INDEX CONCURRENTLY "i" ON "captures_label" ("x")',
            "SHARE UPDATE EXCLUSIVE on captures_label: reads and writes go on",
        ),
        ("DROP INDEX i", "ACCESS EXCLUSIVE on its table: reads and writes wait for a moment"),
        ("DROP TABLE captures_label CASCADE", "ACCESS EXCLUSIVE on captures_label: it is gone"),
        (
            "CREATE POLICY p ON captures_label USING (true)",
            "ACCESS EXCLUSIVE on captures_label: reads and writes wait for a moment",
        ),
        ("UPDATE captures_label SET x = 1", "ROW EXCLUSIVE on captures_label: who writes the same rows waits"),
        ("ALTER TABLE fresh ADD CONSTRAINT a CHECK (x > 0)", ""),
        ("CREATE TABLE fresh (id integer)", ""),
        ("-- This is about nothing", ""),
    ],
)
def test_each_statement_says_which_lock_it_takes_and_who_waits(sql, lock):
    assert lock_of(sql, "postgresql", rows=ROWS, new={"fresh"}) == lock


def test_on_sqlite_there_is_one_lock():
    assert "the whole database" in lock_of("CREATE TABLE x (id integer)", "sqlite", rows={}, new=set())
    assert lock_of("PRAGMA foreign_keys", "sqlite", rows={}, new=set()) == ""


def test_a_migration_goes_back_when_all_its_steps_do():
    class Backless(migrations.Migration):
        operations = [migrations.RunSQL("SELECT 1")]

    class WithWayBack(migrations.Migration):
        operations = [migrations.RunSQL("SELECT 1", "SELECT 1"), migrations.RunPython(print, print)]

    assert (is_reversible(Backless), is_reversible(WithWayBack)) == (False, True)


def shown(*arguments: str) -> str:
    out = io.StringIO()
    call_command("schema", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_nothing_is_planned_for_a_database_that_is_up_to_date():
    assert shown("plan") == "Nothing to apply.\n"


def forget(app: str, name: str) -> None:
    MigrationRecorder.Migration.objects.filter(app=app, name=name).delete()


@pytest.mark.django_db(transaction=True)
def test_the_plan_shows_sql_locks_and_the_way_back():
    """The records alone are taken away, so that nothing needs to be migrated for this."""
    names = ["0023_walls_of_forecasts", "0024_judged_pictures_of_a_camera"]
    recorder = MigrationRecorder(connection)
    later = [name for app, name in recorder.applied_migrations() if app == "captures" and name >= names[0]]
    for name in later:
        forget("captures", name)
    try:
        text = shown("plan")
    finally:
        for name in later:
            recorder.record_applied("captures", name)
    lines = [line.strip() for line in text.splitlines()]
    assert lines[0] == f"captures.{names[0]}: one transaction, goes back"
    assert f"captures.{names[1]}: no transaction, goes back" in lines
    assert lines[-1] == f"{len(later)} migrations to apply."
    if connection.vendor == "postgresql":
        assert "ALTER TABLE captures_forecast ENABLE ROW LEVEL SECURITY;" in lines
        assert any(line.startswith("-- locks ACCESS EXCLUSIVE on captures_forecast") for line in lines)
        assert any(line.startswith("-- locks SHARE UPDATE EXCLUSIVE on captures_capture") for line in lines)


@pytest.mark.django_db
def test_what_rolling_back_would_lose_is_counted_in_all_organizations():
    make_capture()
    make_capture()
    rows = MigrationRecorder.Migration.objects
    column = rows.get(app="captures", name="0004_capture_not_judged")
    rows.filter(pk__gt=column.pk).delete()
    [one] = last_applied(connection, 1)
    assert one.name == "captures.0004_capture_not_judged"
    assert one.target == ("captures", "0003_row_level_security")
    assert one.losses == ["column captures_capture.not_judged, which has a value in 2 rows"]
    first = rows.get(app="captures", name="0001_initial")
    rows.filter(pk__gt=first.pk).delete()
    [all_of_it] = last_applied(connection, 1)
    assert all_of_it.target == ("captures", "zero")
    assert "table captures_capture with 2 rows" in all_of_it.losses
    assert "table captures_label with 0 rows" in all_of_it.losses


@pytest.mark.django_db
def test_what_has_no_way_back_or_is_not_known_is_refused(monkeypatch):
    executor = MigrationExecutor(connection)
    latest = MigrationRecorder.Migration.objects.latest("pk")
    migration = executor.loader.disk_migrations[latest.app, latest.name]
    monkeypatch.setattr(type(migration), "operations", [migrations.RunSQL("SELECT 1")])
    with pytest.raises(CommandError, match="has no way back; restore a backup"):
        shown("rollback", "--yes")
    MigrationRecorder(connection).record_applied("captures", "9999_of_a_newer_version")
    with pytest.raises(CommandError, match=r"does not have captures\.9999_of_a_newer_version"):
        shown("rollback", "--yes")
