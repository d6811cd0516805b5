"""``manage.py init_db``: on the PostgreSQL of the tests, with names of its own that are gone afterwards."""

import io
import os
import secrets

import psycopg
import pytest
from django.core.management import CommandError, call_command

from tests.postgresql import in_database
from visant.management.commands.init_db import VARIABLE

pytestmark = pytest.mark.skipif(
    os.environ.get("VISANT_TEST_DATABASE") != "postgresql", reason="SQLite has no server to make one on"
)


@pytest.fixture
def admin(monkeypatch):
    url = os.environ["VISANT_TEST_DATABASE_URL"]
    monkeypatch.setenv(VARIABLE, url)
    with psycopg.connect(url, autocommit=True) as administrator:
        yield administrator


@pytest.fixture
def name(admin):
    """A name for a database and a role that are not there."""
    name = f"init_{secrets.token_hex(4)}"
    yield name
    admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    admin.execute(f"DROP ROLE IF EXISTS {name}")


def init_db(name: str, *flags: str) -> tuple[str, str]:
    """Return the URL that was printed, and what was said beside it."""
    out, err = io.StringIO(), io.StringIO()
    call_command("init_db", "--name", name, "--role", name, *flags, stdout=out, stderr=err)
    [line] = out.getvalue().splitlines()
    return line.removeprefix("DATABASE_URL="), err.getvalue()


def test_it_makes_a_database_that_migrations_run_in_and_a_role_that_policies_bind(name):
    url, said = init_db(name)
    assert f"The role {name} is made." in said
    password = url.partition(f"{name}:")[2].partition("@")[0]
    assert len(password) >= 32
    assert password not in said
    with psycopg.connect(url) as theirs:
        assert theirs.execute("SELECT current_user, current_setting('server_encoding')").fetchone() == (
            name,
            "UTF8",
        )
        rights = (
            "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        )
        assert theirs.execute(rights).fetchone() == (False, False, False, False)
        theirs.execute("CREATE TABLE ours (id int)")
        theirs.execute("CREATE SCHEMA visant_reference")
        theirs.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
        )


def test_run_again_it_changes_nothing_and_the_password_still_fits(name):
    url, _ = init_db(name)
    again, said = init_db(name)
    assert f"The database {name} is there." in said
    assert "Put the role's password into the URL" in said
    assert again == url.replace(url.partition(f"{name}:")[2].partition("@")[0], "").replace(":@", "@")
    psycopg.connect(url).close()
    changed, said = init_db(name, "--new-password")
    assert f"The role {name} has a new password." in said
    psycopg.connect(changed).close()


@pytest.mark.parametrize(("right", "said"), [("SUPERUSER", "is a superuser"), ("BYPASSRLS", "is BYPASSRLS")])
def test_it_refuses_a_role_that_no_policy_binds(admin, name, right, said):
    admin.execute(f"CREATE ROLE {name} LOGIN {right}")
    with pytest.raises(CommandError, match=said):
        init_db(name)


def test_it_refuses_a_database_of_another_encoding_or_owner(admin, name):
    admin.execute(f"CREATE ROLE {name} LOGIN")
    admin.execute(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(CommandError, match="belongs to"):
        init_db(name)
    admin.execute(f"ALTER DATABASE {name} OWNER TO {name}")
    with pytest.raises(CommandError, match="encoded in LATIN1; it must be UTF8"):
        init_db(name)


def test_it_refuses_an_administrator_who_may_not(name, monkeypatch):
    monkeypatch.setenv(VARIABLE, in_database(os.environ["DATABASE_URL"], "postgres"))
    with pytest.raises(CommandError, match="may not make databases and roles"):
        init_db(name)


def test_an_administrator_need_not_be_a_superuser(admin, name, monkeypatch):
    """As on hosted servers, whose administrator is a plain role with CREATEDB and CREATEROLE."""
    keeper = f"{name}_keeper"
    admin.execute(f"CREATE ROLE {keeper} LOGIN CREATEDB CREATEROLE PASSWORD 'keeper'")
    host = in_database(os.environ["DATABASE_URL"], "postgres").rpartition("@")[2]
    monkeypatch.setenv(VARIABLE, f"postgres://{keeper}:keeper@{host}")
    try:
        made, _ = init_db(name)
        psycopg.connect(made).close()
    finally:
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.execute(f"DROP ROLE IF EXISTS {name}")
        admin.execute(f"DROP ROLE {keeper}")


@pytest.mark.parametrize(
    ("url", "status", "said"),
    [
        ("", 1, "Name an administrator in ADMIN_DATABASE_URL"),
        ("mysql://root@localhost/", 1, "Name an administrator in ADMIN_DATABASE_URL"),
        ("postgres://postgres@127.0.0.1:1/postgres", 2, "cannot be worked with"),
    ],
)
def test_it_says_by_its_status_whether_asking_again_may_help(monkeypatch, url, status, said):
    monkeypatch.setenv(VARIABLE, url)
    with pytest.raises(CommandError, match=said) as refusal:
        init_db("visant")
    assert refusal.value.returncode == status
