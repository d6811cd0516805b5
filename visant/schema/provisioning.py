"""Making a PostgreSQL database and its role, for an administrator who may; done again, it changes nothing."""

import secrets
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from django.core.management.base import CommandError
from psycopg import sql

OLDEST_VERSION = 14  # of those that Django 5.2 works with
# What Visant's tables need: a function in plpgsql refuses changes of the audit.
EXTENSIONS = ["plpgsql"]
PROBE = "visant_permission_probe"


class Made(NamedTuple):
    """``url`` is the DATABASE_URL, without a password where the role had one already; ``said`` is for people."""

    url: str
    said: list[str]


def make_database(*, admin_url: str, name: str, role: str, new_password: bool = False) -> Made:
    """Make the database and the role that owns it, as far as they are not there, and look at all they need.

    The password is made here and told in the URL alone; the server gets its SCRAM verifier, so that no log of
    statements holds it. Raises CommandError with status 1 for what is not as it must be; ``OperationalError`` is
    left to the caller.
    """
    with psycopg.connect(admin_url, autocommit=True, connect_timeout=5) as admin:
        said = [_check_version(admin), _check_administrator(admin)]
        password = _make_role(admin, role, new_password, said)
        _make_database(admin, name, role, said)
    with psycopg.connect(_in_database(admin_url, name), autocommit=True, connect_timeout=5) as inside:
        _check_encoding(inside, name)
        _make_extensions(inside, said)
        _give_schema(inside, name, role, said)
        _check_permissions(inside, role, said)
    return Made(_url(admin_url, name, role, password), said)


def _check_version(admin: psycopg.Connection[Any]) -> str:
    version = admin.info.server_version // 10_000
    if version < OLDEST_VERSION:
        raise CommandError(f"The server is PostgreSQL {version}; Visant needs {OLDEST_VERSION} or newer.")
    return f"The server is PostgreSQL {version}."


def _check_administrator(admin: psycopg.Connection[Any]) -> str:
    [may] = _one(
        admin,
        "SELECT rolsuper OR (rolcreatedb AND rolcreaterole) FROM pg_roles WHERE rolname = current_user",
    )
    if not may:
        raise CommandError(f"The role {admin.info.user} may not make databases and roles (CREATEDB, CREATEROLE).")
    return f"The role {admin.info.user} may make databases and roles."


def _make_role(admin: psycopg.Connection[Any], role: str, new_password: bool, said: list[str]) -> str:
    """Return the password if one was made."""
    found = _one(admin, "SELECT rolsuper, rolbypassrls, rolcanlogin FROM pg_roles WHERE rolname = %s", role)
    if found is not None:
        _check_role(role, *found)
    if found is not None and not new_password:
        said.append(f"The role {role} is there; its password stays.")
        return ""
    password = secrets.token_urlsafe(24)
    verifier = admin.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    verb = "ALTER ROLE" if found else "CREATE ROLE"
    options = "" if found else "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS"
    statement = sql.SQL(f"{verb} {{}} {options} PASSWORD {{}}").format(sql.Identifier(role), sql.Literal(verifier))
    admin.execute(statement)
    said.append(f"The role {role} {'has a new password' if found else 'is made'}.")
    return password


def _check_role(role: str, is_superuser: bool, passes_policies: bool, may_log_in: bool) -> None:
    if is_superuser or passes_policies:
        what = "a superuser" if is_superuser else "BYPASSRLS"
        raise CommandError(
            f"The role {role} is {what}: row-level security would not bind it, and one of the two walls between "
            f"organizations would be missing. ALTER ROLE {role} NOSUPERUSER NOBYPASSRLS; or take another name."
        )
    if not may_log_in:
        raise CommandError(f"The role {role} may not log in. ALTER ROLE {role} LOGIN; or take another name.")


def _make_database(admin: psycopg.Connection[Any], name: str, role: str, said: list[str]) -> None:
    owner = _one(admin, "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", name)
    if owner is not None:
        if owner[0] != role:
            raise CommandError(
                f"The database {name} belongs to {owner[0]}. ALTER DATABASE {name} OWNER TO {role}; or take "
                "another name."
            )
        said.append(f"The database {name} is there.")
        return
    _join(admin, role)
    statement = "CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0"
    admin.execute(sql.SQL(statement).format(sql.Identifier(name), sql.Identifier(role)))
    admin.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
    said.append(f"The database {name} is made; only {role} may connect to it.")


def _join(admin: psycopg.Connection[Any], role: str) -> None:
    """Who is no superuser gives a database only to a role it may act as."""
    [is_superuser] = _one(admin, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    if not is_superuser:
        admin.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role)))


def _check_encoding(inside: psycopg.Connection[Any], name: str) -> None:
    [encoding] = _one(inside, "SELECT current_setting('server_encoding')")
    if encoding != "UTF8":
        raise CommandError(f"The database {name} is encoded in {encoding}; it must be UTF8. Take another name.")


def _make_extensions(inside: psycopg.Connection[Any], said: list[str]) -> None:
    for extension in EXTENSIONS:
        if _one(inside, "SELECT 1 FROM pg_available_extensions WHERE name = %s", extension) is None:
            raise CommandError(f"The server does not have the extension {extension}; install it there.")
        inside.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(extension)))
    said.append(f"The extensions are there: {', '.join(EXTENSIONS)}.")


def _give_schema(inside: psycopg.Connection[Any], name: str, role: str, said: list[str]) -> None:
    """Before PostgreSQL 15 everybody might make tables in it; and on none may another's table stand in the way."""
    _join(inside, role)
    inside.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    inside.execute(sql.SQL("GRANT ALL ON SCHEMA public TO {}").format(sql.Identifier(role)))
    query = "SELECT string_agg(tablename, ', ') FROM pg_tables WHERE schemaname = 'public' AND tableowner <> %s"
    [others] = _one(inside, query, role)
    if others:
        raise CommandError(f"In {name} are tables that {role} does not own: {others}.")


def _check_permissions(inside: psycopg.Connection[Any], role: str, said: list[str]) -> None:
    """As the role, make a table whose policy shows nothing, and see that it does not; nothing of it stays."""
    with inside.transaction(force_rollback=True):
        inside.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
        for statement in _probe():
            inside.execute(statement)
        [shown] = _one(inside, f"SELECT count(*) FROM {PROBE}")
    if shown:
        raise CommandError(f"Row-level security does not bind the role {role}.")
    said.append(f"The role {role} may make tables, and row-level security binds it.")


def _probe() -> Iterator[str]:
    yield f"CREATE TABLE {PROBE} AS SELECT 1 AS one"
    yield f"ALTER TABLE {PROBE} ENABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {PROBE} FORCE ROW LEVEL SECURITY"
    yield f"CREATE POLICY nothing ON {PROBE} USING (false)"


def _one(connection: psycopg.Connection[Any], query: str, *values: object) -> Any:
    return connection.execute(query, values).fetchone()


def _in_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{quote(name)}"))


def _url(admin_url: str, name: str, role: str, password: str) -> str:
    """The administrator's URL with our names; a server on a socket is named in its query, which stays."""
    parts = urlsplit(_in_database(admin_url, name))
    person = quote(role) + (f":{quote(password)}" if password else "")
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(scheme="postgres", netloc=f"{person}@{host}"))
