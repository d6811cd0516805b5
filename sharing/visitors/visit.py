"""A visit: one visitor's session with one link, carried by a signed text in a cookie or in an address."""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from django.core import signing

from sharing.models import ShareLink

# So long a visit is one view, and a password is asked for once.
LASTS = timedelta(hours=12)
# Of another shape than before: what was signed then is no visit any more.
SALT = "sharing.visit.2"


@dataclass(frozen=True)
class Visit:
    """``passed``: the link's present password was given. ``counted``: the text knows that it has its view.

    ``ends_at`` stays as it began, whichever door writes the text anew.
    """

    id: UUID
    ends_at: datetime
    passed: bool = False
    counted: bool = False

    def let_in(self) -> "Visit":
        return replace(self, passed=True)

    def with_view(self) -> "Visit":
        return replace(self, counted=True)


def new_visit(*, at: datetime) -> Visit:
    return Visit(uuid4(), ends_at=at + LASTS)


def encode(visit: Visit, link: ShareLink) -> str:
    """Return the text that :func:`decode` reads, for this link and its present password only."""
    version = version_of(link) if visit.passed else ""
    said = [visit.id.hex, version, int(visit.counted), visit.ends_at.timestamp()]
    return signing.dumps(said, salt=_salt(link))


def decode(text: str, link: ShareLink, *, at: datetime) -> Visit | None:
    """Return the visit that we signed for this link, or None, also for one that has ended.

    One that was let in by an earlier password is none: what it had seen and counted ended with that.
    """
    try:
        id_hex, version, counted, ends = signing.loads(text, salt=_salt(link))
    except signing.BadSignature:
        return None
    ends_at = datetime.fromtimestamp(ends, UTC)
    if ends_at <= at or (version and version != version_of(link)):
        return None
    return Visit(UUID(id_hex), ends_at, passed=bool(version), counted=bool(counted))


def version_of(link: ShareLink) -> str:
    """A word that changes with the link's password; the hash it is made of holds a salt of its own."""
    return hashlib.sha256(link.password_hash.encode()).hexdigest()[:16] if link.password_hash else ""


def _salt(link: ShareLink) -> str:
    return f"{SALT}.{link.pk}"
