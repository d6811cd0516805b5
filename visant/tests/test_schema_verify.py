"""``manage.py schema verify``: every drift is found and named, and the SQL that is shown mends it."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from visant.schema.catalog import Catalog, Key, plain, read_catalog
from visant.schema.differences import Difference, compare, table_of
from visant.schema.mending import mend
from visant.schema.reference import read_reference
from visant.tests.drifts import ON_BOTH, ON_POSTGRESQL, ON_SQLITE, Drift

# In one process: the schema to compare with is made once for all.
pytestmark = pytest.mark.xdist_group("schema")
DRIFTS = [*ON_BOTH, *(ON_POSTGRESQL if connection.vendor == "postgresql" else ON_SQLITE)]


def drift_of(name: str) -> Drift:
    if name in ON_BOTH:
        return ON_BOTH[name]
    return ON_POSTGRESQL[name] if connection.vendor == "postgresql" else ON_SQLITE[name]()


def run(statements: list[str]) -> None:
    """Run SQL in the test's transaction; what begins, ends and surrounds one of its own is left out."""
    with connection.cursor() as cursor:
        for statement in statements:
            if not statement.startswith(("BEGIN", "COMMIT", "PRAGMA", "--")):
                cursor.execute(statement.partition(";  --")[0])


@pytest.fixture(scope="module")
def reference(django_db_setup, django_db_blocker) -> Catalog:
    """Made once: it takes all migrations."""
    with django_db_blocker.unblock():
        return read_reference()


def test_there_are_twenty_drifts():
    assert len(DRIFTS) >= 20


@pytest.mark.django_db
def test_a_migrated_database_is_as_expected(reference):
    live = read_catalog(connection)
    assert compare(reference, live) == []
    kinds = {key.kind for key in live.things}
    expected = {"table", "column", "type", "nullability", "default", "primary key", "unique", "check"}
    expected |= {"foreign key", "index", "trigger"}
    if connection.vendor == "postgresql":
        expected |= {"policy", "row security", "function"}
    assert kinds == expected


@pytest.mark.django_db
@pytest.mark.parametrize("name", DRIFTS)
def test_a_drift_is_found_and_mended_by_the_sql_that_is_shown(reference, name):
    drift = drift_of(name)
    run(drift.plant)
    live = read_catalog(connection)
    found = compare(reference, live)
    assert Key(drift.kind, drift.table, drift.name) in [one.key for one in found]
    assert {one.key.table for one in found} == {drift.table}
    run(mend(found, reference, live))
    assert compare(reference, read_catalog(connection)) == []


@pytest.mark.django_db
def test_all_drifts_at_once_are_a_table_and_status_1(reference, capsys):
    names = ["a table is too many", "a column is too many", "a default is missing", "a trigger is missing"]
    for name in names:
        run(drift_of(name).plant)
    with pytest.raises(CommandError, match=r"The database differs from the models in 4 places\.") as refusal:
        call_command("schema", "verify")
    assert refusal.value.returncode == 1
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["kind", "table", "name", "expected", "found"]
    assert ["default", "captures_capture", "not_judged"] in [line[:3] for line in lines]
    assert ["column", "captures_capture", "extra", "–", "there"] in lines
    assert ["table", "leftover", "–", "there"] in lines
    with pytest.raises(CommandError):
        call_command("schema", "verify", "--sql")
    assert 'DROP TABLE "leftover"' in capsys.readouterr().out


@pytest.mark.django_db
def test_a_database_that_is_as_expected_is_said_to_be(capsys):
    call_command("schema", "verify")
    assert "as the models and migrations make it" in capsys.readouterr().out


def test_a_long_definition_is_cut_in_the_table_only():
    key = Key("index", "a_table", "an_index")
    line = table_of([Difference(key, "CREATE INDEX " + "x" * 100, None)]).splitlines()[-1]
    assert "…" in line
    assert len(line) < 100


def test_sql_compares_without_its_quotes_spaces_and_comments_but_texts_stay():
    assert plain('CHECK  ("a" = \'b  "c"\') -- why') == "CHECK (a = 'b  \"c\"')"
