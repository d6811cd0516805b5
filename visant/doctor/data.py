"""The database, its schema, its clock; and where pictures are kept."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import psycopg
from django.conf import settings
from django.core.checks import Tags, run_checks
from django.db import DatabaseError, connection
from django.utils import timezone
from django.utils.module_loading import import_string
from psycopg import errors

from visant.backup.unfinished import lack_of_restore
from visant.checks import NO_BACKUP
from visant.doctor.findings import Finding, error, fine, warning
from visant.errors import DATABASE_DOWN
from visant.logs import redacted
from visant.schema import lack_of, pending_migrations

# Signatures of S3 end at a quarter of an hour, codes of a second factor at half a minute.
CLOCKS_APART_SECONDS = 5.0
OLDEST_POSTGRESQL = 140_000
DATABASE, SCHEMA, CLOCK, STORAGE = "database", "schema", "clock", "storage"
_NO_PASSWORD = "no password supplied"  # noqa: S105 - what the library says
# By what PostgreSQL says of a connection that it refuses; the first that fits. With a pool one would hear nothing.
_REFUSALS = (
    (
        ("password authentication failed", _NO_PASSWORD),
        "PostgreSQL refuses the password of the role {user}.",
        "Set DATABASE_PASSWORD (or the password in DATABASE_URL) to it, or give the role a new one: ALTER ROLE.",
    ),
    (
        ("role", "does not exist"),
        "PostgreSQL knows no role {user}.",
        "Make it: CREATE ROLE {user} LOGIN PASSWORD '…'; or name another one in DATABASE_URL.",
    ),
    (
        ("database", "does not exist"),
        "There is no database {name}.",
        "Make it: CREATE DATABASE {name} OWNER {user}; or name another one in DATABASE_URL.",
    ),
    (
        ("no pg_hba.conf entry",),
        "PostgreSQL takes no connections from here as {user}.",
        "Let pg_hba.conf allow them, or add ?sslmode=require to DATABASE_URL where it wants TLS.",
    ),
    (
        ("too many", "remaining connection slots", "too many clients"),
        "PostgreSQL has no connection left.",
        "Raise its max_connections, or lower DATABASE_POOL_MAX (docs/operations.md counts them).",
    ),
    (
        ("resolve", "Name or service not known"),
        "The name of the database server is not known here.",
        "Look at the host in DATABASE_URL.",
    ),
)


def look_at_database() -> Iterator[Finding]:
    try:
        if connection.vendor == "postgresql":
            yield from _look_at_postgresql()
        else:
            connection.ensure_connection()
            yield fine(DATABASE, f"SQLite at {connection.settings_dict['NAME']}.")
    except psycopg.Error as refusal:
        yield _explain(refusal)
        return
    except DATABASE_DOWN as away:
        where = connection.settings_dict["NAME"]
        yield error(
            DATABASE, f"{where} cannot be opened: {away}", "VISANT_VAR must be a folder that we may write."
        )
        return
    yield from _look_at_restore()
    yield from _look_at_schema()


def _look_at_postgresql() -> Iterator[Finding]:
    with psycopg.connect(**_plain_parameters(), autocommit=True) as plain:
        version = plain.info.server_version
        shown = f"PostgreSQL {version // 10_000} at {plain.info.host or 'a socket'}, as {plain.info.user}"
        [here_and_there] = plain.execute("SELECT clock_timestamp()").fetchall()
        yield _of_clock(here_and_there[0])
    if version < OLDEST_POSTGRESQL:
        yield error(DATABASE, f"{shown}: it is older than 14.", "Upgrade PostgreSQL.")
        return
    try:
        messages = run_checks(tags=[Tags.database], databases=["default"])
    except DATABASE_DOWN as refusal:
        fix = "The role that assume_role names must be there, and ours a member of it: GRANT visant TO …."
        yield error(DATABASE, f"{shown}: it cannot be used ({refusal}).", fix)
        return
    # Of backups there is a line of its own: for want of one the database is none the worse.
    wrong = [message for message in messages if message.id != NO_BACKUP]
    for message in wrong:
        yield error(DATABASE, message.msg, message.hint or "")
    if not wrong:
        yield fine(DATABASE, f"{shown}.")


def _plain_parameters() -> dict[str, Any]:
    """Without the pool, which tries again in silence until its time is up."""
    parameters = connection.get_connection_params()
    return {name: value for name, value in parameters.items() if name not in ("pool", "cursor_factory", "context")}


def _explain(refusal: psycopg.Error) -> Finding:
    said = str(refusal)
    names = {"user": connection.settings_dict["USER"], "name": connection.settings_dict["NAME"]}
    for words, what, fix in _REFUSALS:
        every = words[0] in ("role", "database")
        if all(word in said for word in words) if every else any(word in said for word in words):
            return error(DATABASE, what.format(**names), fix.format(**names))
    if isinstance(refusal, (errors.ConnectionTimeout, psycopg.OperationalError)):
        where = (
            f"{connection.settings_dict['HOST'] or 'the socket'} port {connection.settings_dict['PORT'] or 5432}"
        )
        fix = "See that PostgreSQL runs and can be reached from here; look at the host and port in DATABASE_URL."
        return error(DATABASE, f"Nothing answers at {where}: {redacted(said.splitlines()[0])}", fix)
    return error(DATABASE, redacted(said), "Ask who runs the database.")


def _of_clock(theirs: datetime) -> Finding:
    apart = abs((theirs - timezone.now()).total_seconds())
    if apart > CLOCKS_APART_SECONDS:
        what = f"The clock here and that of the database are {apart:.0f} s apart."
        return warning(CLOCK, what, "Let both be kept by NTP (timedatectl set-ntp true).")
    return fine(CLOCK, "It agrees with that of the database.")


def _look_at_restore() -> Iterator[Finding]:
    """Nothing, unless there is one that is not finished."""
    try:
        lack = lack_of_restore()
    except (DatabaseError, *DATABASE_DOWN):
        return  # the schema is looked at next, and says why it cannot be
    if lack:
        fix = "If none is running, run manage.py restore with that backup again: it goes on. Nothing works before."
        yield error(DATABASE, f"{lack[0].upper()}{lack[1:]}.", fix)


def _look_at_schema() -> Iterator[Finding]:
    try:
        pending = pending_migrations()
    except (DatabaseError, *DATABASE_DOWN) as refusal:
        yield error(SCHEMA, f"It cannot be read: {refusal}", "See the database.")
        return
    if pending:
        what = f"{lack_of(pending)}."
        yield error(SCHEMA, what, "Run manage.py migrate.")
    else:
        yield fine(SCHEMA, "It is the one of this version.")


def look_at_storage() -> Iterator[Finding]:
    troubles = import_string(settings.STORAGE_TROUBLE)()
    for trouble in troubles:
        yield error(STORAGE, trouble.what, trouble.fix)
    if not troubles:
        where = (
            f"the bucket {settings.VISANT_S3_BUCKET}" if settings.VISANT_STORAGE == "s3" else settings.MEDIA_ROOT
        )
        yield fine(STORAGE, f"Pictures are kept in {where}.")
