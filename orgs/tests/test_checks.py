"""The check that the database role is bound by row-level security."""

import os

import psycopg
import pytest
from django.core.checks import Tags, run_checks
from django.db import connection

from orgs.checks import check_role

pytestmark = pytest.mark.django_db
ON_POSTGRESQL = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has no roles")
BLIND = "visant_blind"


@pytest.fixture
def blind(monkeypatch):
    """A connection whose role passes all policies by, in the place of ours."""
    from orgs.postgresql.base import DatabaseWrapper

    with psycopg.connect(os.environ["VISANT_TEST_DATABASE_URL"], autocommit=True) as admin:
        # All processes of a run have one server, and another may be making the role at this moment.
        admin.execute("SELECT pg_advisory_lock(hashtext(%s))", [BLIND])
        if not admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [BLIND]).fetchone():
            admin.execute(f"CREATE ROLE {BLIND} LOGIN BYPASSRLS PASSWORD '{BLIND}'")
        admin.execute(f"GRANT visant_test TO {BLIND}")
    login = {"USER": BLIND, "PASSWORD": BLIND, "OPTIONS": {**connection.settings_dict["OPTIONS"], "pool": None}}
    wrapper = DatabaseWrapper({**connection.settings_dict, **login}, alias=BLIND)
    monkeypatch.setattr("orgs.checks.connections", {"default": wrapper})
    yield wrapper
    wrapper.close()


def test_our_role_is_bound():
    messages = run_checks(tags=[Tags.database], databases=["default"])
    assert [message for message in messages if str(message.id).startswith("orgs.")] == []


@ON_POSTGRESQL
def test_a_role_that_passes_the_policies_by_is_told(blind):
    [message] = run_checks(tags=[Tags.database], databases=["default"])
    assert message.id == "orgs.W001"
    assert "does not bind the database role visant_blind" in message.msg
    assert "neither superuser nor BYPASSRLS" in str(message.hint)


@ON_POSTGRESQL
def test_a_role_that_was_assumed_counts_and_not_the_one_that_logged_in(blind):
    with blind.cursor() as cursor:
        cursor.execute("SET ROLE visant_test")
    assert check_role(None, databases=["default"]) == []


def test_without_a_database_to_look_at_nothing_is_said():
    assert check_role(None, databases=None) == []
