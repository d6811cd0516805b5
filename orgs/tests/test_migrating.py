"""The steps of migrations that keep out of the way, on a table of this test's own, forward and back."""

import pytest
from django.db import DatabaseError, IntegrityError, connection, migrations, models, transaction
from django.db.migrations import Migration
from django.db.migrations.state import ProjectState

from orgs.migrating import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    AddUniqueIndexConcurrently,
    Backfill,
    ValidateConstraint,
)

pytestmark = pytest.mark.django_db(transaction=True)

COLOURS = models.CheckConstraint(condition=models.Q(colour__in=["", "red"]), name="orgs_thing_colour_is_known")
BY_COLOUR = models.Index(fields=["colour"], name="orgs_thing_by_colour")
COLOUR_ONCE = models.UniqueConstraint(
    fields=["colour"], condition=~models.Q(colour=""), name="orgs_thing_colour_once"
)


class Table:
    """``apply`` goes forward by one migration, ``back`` undoes the last one."""

    def __init__(self) -> None:
        self.states = [ProjectState()]
        self.migrations: list[Migration] = []

    def apply(self, *operations: object, atomic: bool = True) -> None:
        migration = Migration("step", "orgs")
        migration.operations, migration.atomic = list(operations), atomic
        with connection.schema_editor(atomic=atomic) as editor:
            self.states.append(migration.apply(self.states[-1].clone(), editor))
        self.migrations.append(migration)

    def back(self) -> None:
        migration = self.migrations.pop()
        self.states.pop()
        with connection.schema_editor(atomic=migration.atomic) as editor:
            migration.unapply(self.states[-1].clone(), editor)

    @property
    def rows(self) -> models.Manager:
        return self.states[-1].apps.get_model("orgs", "Thing").objects


@pytest.fixture
def table():
    table = Table()
    fields = [("id", models.AutoField(primary_key=True)), ("colour", models.CharField(max_length=10))]
    table.apply(migrations.CreateModel("Thing", fields))
    yield table
    while table.migrations:
        table.back()


def constraints() -> dict[str, dict]:
    with connection.cursor() as cursor:
        return connection.introspection.get_constraints(cursor, "orgs_thing")


def test_an_index_is_built_beside_the_work_and_taken_away_again(table):
    table.apply(AddIndexConcurrently("thing", BY_COLOUR), atomic=False)
    assert constraints()["orgs_thing_by_colour"]["columns"] == ["colour"]
    table.back()
    assert "orgs_thing_by_colour" not in constraints()


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite builds indexes in one piece")
def test_what_an_attempt_left_behind_is_replaced(table):
    with connection.cursor() as cursor:
        cursor.execute("CREATE INDEX orgs_thing_by_colour ON orgs_thing (id)")
    table.apply(AddIndexConcurrently("thing", BY_COLOUR), atomic=False)
    assert constraints()["orgs_thing_by_colour"]["columns"] == ["colour"]


def test_a_wider_unique_constraint_gives_way_to_one_with_a_condition(table):
    everywhere = models.UniqueConstraint(fields=["colour"], name="orgs_thing_colour_everywhere")
    table.apply(migrations.AddConstraint("thing", everywhere))
    table.apply(AddUniqueIndexConcurrently("thing", COLOUR_ONCE), atomic=False)
    table.apply(migrations.RemoveConstraint("thing", everywhere.name))
    table.rows.bulk_create([table.rows.model(colour=colour) for colour in ("", "", "red")])
    with pytest.raises(IntegrityError), transaction.atomic():
        table.rows.create(colour="red")
    table.rows.filter(colour="").delete()
    table.back()
    table.back()
    assert COLOUR_ONCE.name not in constraints()
    table.rows.create(colour="")
    with pytest.raises(IntegrityError), transaction.atomic():
        table.rows.create(colour="")


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite builds indexes in one piece")
def test_a_unique_index_whose_build_failed_is_built_again(table):
    table.rows.bulk_create([table.rows.model(colour="red"), table.rows.model(colour="red")])
    with pytest.raises(IntegrityError):
        table.apply(AddUniqueIndexConcurrently("thing", COLOUR_ONCE), atomic=False)
    assert COLOUR_ONCE.name in constraints()  # invalid, and in the way of its name
    table.rows.all().delete()
    table.apply(AddUniqueIndexConcurrently("thing", COLOUR_ONCE), atomic=False)
    table.rows.create(colour="red")
    with pytest.raises(IntegrityError), transaction.atomic():
        table.rows.create(colour="red")


def test_a_constraint_holds_for_new_rows_first_and_then_for_all(table):
    is_postgresql = connection.vendor == "postgresql"
    if is_postgresql:
        table.rows.create(colour="green")
    table.apply(AddConstraintNotValid("thing", COLOURS))
    with pytest.raises(DatabaseError), transaction.atomic():
        table.rows.create(colour="blue")
    if is_postgresql:
        with pytest.raises(DatabaseError):
            table.apply(ValidateConstraint("thing", COLOURS.name))
        table.rows.filter(colour="green").update(colour="red")
    table.apply(ValidateConstraint("thing", COLOURS.name))
    table.back()
    table.back()
    table.rows.create(colour="blue")


def test_a_backfill_writes_batch_after_batch_and_goes_on_where_it_was_cut_off(table):
    table.rows.bulk_create(table.rows.model(colour="") for _ in range(25))
    batches = []

    def change(model: type[models.Model], pks: list[int]) -> None:
        if len(batches) == 2:
            batches.append("cut off")
            raise KeyboardInterrupt
        batches.append(len(pks))
        model.objects.filter(pk__in=pks).update(colour="red")

    backfill = Backfill("orgs.Thing", left=lambda model: model.objects.filter(colour=""), change=change, batch=10)
    with pytest.raises(KeyboardInterrupt):
        table.apply(backfill, atomic=False)
    assert table.rows.filter(colour="red").count() == 20
    table.apply(backfill, atomic=False)
    assert batches == [10, 10, "cut off", 5]
    assert not table.rows.filter(colour="").exists()
    table.back()
