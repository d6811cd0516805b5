"""Every way to the schema ends at the same one: fresh, adopted, back and forward again."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from visant.schema.adopting import MARK
from visant.schema.catalog import Catalog, read_catalog
from visant.schema.pending import pending_migrations
from visant.schema.reference import scratch_database

# In one process with those of verifying: the migrated database to compare with is made once for all.
pytestmark = pytest.mark.xdist_group("schema")
# Down from the top: each app's rows hang on those of the next. The admin's log and the tasks know our users, too.
DOWN = ["visant", "admin", "sharing", "captures", "devices", "orgs"]


@pytest.fixture(scope="module", autouse=True)
def fresh(django_db_setup, django_db_blocker) -> Catalog:
    """A migrated database of these tests' own, which they leave as they found it; its schema when it was new."""
    with django_db_blocker.unblock(), scratch_database("visant_test_migrations"):
        forward()
        yield read_catalog(connection)


def forward() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def migrations_of(app: str) -> list[str]:
    rows = MigrationRecorder(connection).migration_qs.filter(app=app).order_by("pk")
    return list(rows.values_list("name", flat=True))


def recorded_migrations() -> set[tuple[str, str]]:
    return set(MigrationRecorder(connection).applied_migrations())


def forget_the_latest() -> None:
    MigrationRecorder(connection).migration_qs.exclude(app=MARK).latest("pk").delete()


def tables() -> set[str]:
    return set(connection.introspection.table_names())


def schema(*arguments: str, **options: object) -> str:
    out = io.StringIO()
    call_command("schema", *arguments, stdout=out, **options)
    return out.getvalue()


def test_migrations_go_forward_back_and_forward_again_to_the_same_schema(fresh):
    assert {"captures_capture", "devices_device", "orgs_user"} <= tables()
    for app in DOWN:
        names = migrations_of(app)
        for name in [*reversed(names[:-1]), None] if names else []:
            MigrationExecutor(connection).migrate([(app, name)])
    assert [app for app in DOWN if migrations_of(app)] == []
    assert {name for name in tables() if name.startswith(("orgs_", "devices_", "captures_", "sharing_"))} == set()
    forward()
    assert read_catalog(connection) == fresh


def test_an_adopted_database_is_like_a_fresh_one_and_can_be_given_back(fresh):
    # Those of apps; an earlier test's adoption left its mark among them.
    recorded = {(app, name) for app, name in recorded_migrations() if app != MARK}
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE django_migrations")
    shown = schema("adopt", "--dry-run")
    assert f"To be recorded, {len(recorded)} migrations" in shown
    assert "    captures.0001_initial\n" in shown
    assert recorded_migrations() == set()

    schema("adopt", "--yes")
    assert pending_migrations() == []
    assert read_catalog(connection) == fresh
    assert schema("adopt", "--yes") == "All migrations are recorded; there is nothing to adopt.\n"

    assert f"{len(recorded)} migrations" in schema("adopt", "--undo", "--yes")
    assert recorded_migrations() == set()
    assert {"captures_capture", "orgs_user"} <= tables()
    with pytest.raises(CommandError, match="was not adopted"):
        schema("adopt", "--undo", "--yes")
    schema("adopt", "--yes")
    assert recorded_migrations() > recorded  # and the mark of the adoption


def test_adopting_refuses_a_difference_and_shows_the_sql_that_mends_it(fresh, capsys):
    forget_the_latest()
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX captures_capture_due")
    out = io.StringIO()
    with pytest.raises(CommandError, match=r"differs from the models in 1 place\.") as refusal:
        call_command("schema", "adopt", "--yes", stdout=out)
    assert refusal.value.returncode == 1
    [mending] = [line for line in out.getvalue().splitlines() if line.startswith("CREATE INDEX")]
    with connection.cursor() as cursor:
        cursor.execute(mending)
    schema("adopt", "--yes")
    assert read_catalog(connection) == fresh


def test_adopting_asks_and_only_yes_is_yes(fresh, monkeypatch):
    forget_the_latest()
    monkeypatch.setattr("builtins.input", lambda question: "y")
    assert "Nothing was changed." in schema("adopt")
    assert pending_migrations() != []
    monkeypatch.undo()
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(CommandError, match="nobody is there to answer"):
        schema("adopt")
    monkeypatch.setattr("builtins.input", lambda question: "yes")
    assert "The database is adopted." in schema("adopt")
    assert pending_migrations() == []


def test_rolled_back_and_forward_the_schema_is_the_same_again(fresh, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda question: "no")
    assert "Nothing was changed." in schema("rollback", "3")
    assert pending_migrations() == []
    said = schema("rollback", "3", "--yes", verbosity=0)
    assert said.count(" loses ") == len(pending_migrations()) == 3
    forward()
    assert read_catalog(connection) == fresh
    with pytest.raises(CommandError, match="at least 1"):
        schema("rollback", "0")
    with pytest.raises(CommandError, match=r"Only [0-9]+ migrations are applied"):
        schema("rollback", "100000", "--yes")


def test_no_model_has_changed_without_a_migration():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
