"""``manage.py migrate``: one at a time, failing by name, and never long in the way of others."""

import logging
import re

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections

from visant.management.commands import migrate
from visant.schema.locking import MIGRATION, advisory_lock
from visant.schema.pending import pending_migrations
from visant.schema.reaching import reach
from visant.schema.reference import another, scratch_database

ON_POSTGRESQL = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has neither")


@pytest.fixture
def two(django_db_setup, django_db_blocker, tmp_path):
    """Two connections to one database, as two jobs have them."""
    live = connections["default"]
    options = {name: value for name, value in live.settings_dict["OPTIONS"].items() if name != "pool"}
    name = {"NAME": str(tmp_path / "jobs.sqlite3")} if live.vendor == "sqlite" else {}
    with django_db_blocker.unblock():
        both = [another(live, OPTIONS=options, **name) for _ in range(2)]
        yield both
        for one in both:
            one.close()


def test_one_job_at_a_time_holds_the_lock(two):
    first, second = two
    with advisory_lock(first, MIGRATION):
        refusal = pytest.raises(CommandError, match="Another job has been migrating for 0 s")
        with refusal as refused, advisory_lock(second, MIGRATION, wait=0.3):
            pass
    assert refused.value.returncode == 2
    with advisory_lock(second, MIGRATION, wait=0):
        pass


def test_a_job_that_dies_leaves_no_lock(two):
    first, second = two
    with advisory_lock(first, MIGRATION):
        if first.vendor == "postgresql":
            first.connection.close()
        else:
            return  # the system unlocks the file of a process that ended; there is nothing of ours to see
        with advisory_lock(second, MIGRATION, wait=5):
            pass


@ON_POSTGRESQL
@pytest.mark.parametrize("wrong", [{"NAME": "nowhere"}, {"USER": "nobody_of_that_name"}])
def test_what_waiting_does_not_mend_is_a_matter_of_configuration(two, wrong):
    settings = two[0].settings_dict
    refused = another(two[0], **{**settings, **wrong})
    with pytest.raises(CommandError, match="does not let us in") as refusal:
        reach(refused, wait=60)
    assert refusal.value.returncode == 1


def test_a_migration_that_fails_is_named_and_the_next_job_goes_on_with_it(
    django_db_setup, django_db_blocker, caplog
):
    with django_db_blocker.unblock(), scratch_database("visant_test_migrate"):
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE captures_capture (id integer)")
        with pytest.raises(CommandError, match=r"captures\.0001_initial failed: .*already exists") as failure:
            call_command("migrate", verbosity=0)
        assert failure.value.returncode == 3
        assert "Traceback" in caplog.text
        assert "captures.0001_initial" in pending_migrations()
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE captures_capture")
        call_command("migrate", verbosity=0)
        assert pending_migrations() == []
        if connection.vendor == "postgresql":
            _step_aside_and_try_again()


def _step_aside_and_try_again() -> None:
    """The same database: somebody reads a table that is to be changed, and ends once the job stepped aside."""
    reader = another(connections["default"])
    reader.set_autocommit(False)
    with reader.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM captures_calendarday")
    told = []

    class Release(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(record.getMessage())
            reader.rollback()

    handler = Release()
    migrate.logger.addHandler(handler)
    before, migrate.LOCK_SECONDS = migrate.LOCK_SECONDS, 0.2
    try:
        call_command("migrate", "captures", "0005", verbosity=0)
    finally:
        migrate.LOCK_SECONDS = before
        migrate.logger.removeHandler(handler)
        reader.close()
    [line] = told
    assert re.fullmatch(r"captures\.\w+ stepped aside for others at work; it is tried again\.", line)
    assert "captures.0006_walls_of_the_calendar" in pending_migrations()
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)
