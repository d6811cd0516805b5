"""Waiting for a database that is still starting, and telling that from one that will never let us in."""

import logging
import re
import time
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError

logger = logging.getLogger(__name__)

CONFIGURATION, UNREACHABLE, FAILED = 1, 2, 3
POLL_SECONDS = 0.5
# Waiting mends none of these. libpq gives them no code, only words.
_NEVER = re.compile(
    r"password authentication failed|no password supplied|no pg_hba\.conf entry|(?:role|database) \"[^\"]*\" does "
    r"not exist|permission denied for database|is not permitted to log in|unable to open database file"
    r"|file is not a database",
)


def reach(connection: Any, *, wait: float) -> None:
    """Return once the database takes a connection.

    Raises CommandError with status 1 when it does not let us in as we are configured, 2 when it did not answer
    within ``wait`` seconds.
    """
    began = time.monotonic()
    said = False
    while True:
        try:
            _connect(connection)
            return
        except DatabaseError as error:
            reason = " ".join(str(error).split())
            if is_refused(reason):
                raise CommandError(
                    f"The database does not let us in: {reason}", returncode=CONFIGURATION
                ) from error
            if time.monotonic() - began >= wait:
                sentence = f"The database did not answer within {wait:g} s: {reason}"
                raise CommandError(sentence, returncode=UNREACHABLE) from error
            if not said:
                logger.warning("Waiting up to %g s for the database: %s", wait, reason)
                said = True
        time.sleep(POLL_SECONDS)


def is_refused(reason: str) -> bool:
    """Whether the database answered, and will never let us in as we are configured."""
    return _NEVER.search(reason) is not None


def _connect(connection: Any) -> None:
    """Open a connection past the pool, which would try again by itself and keep the reason."""
    if connection.vendor != "postgresql":
        connection.ensure_connection()
        return
    with connection.wrap_database_errors:
        connection.Database.connect(**connection.get_connection_params()).close()
