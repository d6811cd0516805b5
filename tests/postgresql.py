"""A plain role on the PostgreSQL of the tests: a superuser would see past row-level security."""

from urllib.parse import urlsplit, urlunsplit

import psycopg

ROLE = "visant_test"


def with_plain_role(admin_url: str) -> str:
    """Return ``admin_url`` as a plain role that may make databases; the role is made if there is none."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
            connection.execute(f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{ROLE}'")
    parts = urlsplit(admin_url)
    return urlunsplit(parts._replace(netloc=f"{ROLE}:{ROLE}@{parts.netloc.rpartition('@')[2]}"))


def in_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
