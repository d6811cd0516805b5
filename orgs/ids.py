"""Primary keys."""

import uuid

from uuid_utils import compat


def uuid7() -> uuid.UUID:
    """Return a new UUIDv7 (RFC 9562): public, and ordered by the time it was made."""
    return compat.uuid7()
