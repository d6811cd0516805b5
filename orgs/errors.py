"""What a rule can answer when it says no.

A service raises a subclass with its own ``code`` and a sentence for people; ``visant/errors.py`` turns the
class into an HTTP status, once for all doors.
"""

from collections.abc import Mapping

from django.db import InterfaceError, OperationalError
from psycopg_pool import PoolTimeout

# The database does not answer. A pool says so in its own words.
DATABASE_DOWN = (OperationalError, InterfaceError, PoolTimeout)


class DomainError(Exception):
    """A refusal. ``str(error)`` is the sentence for people, ``code`` the word for programs."""

    code = "refused"
    # May the same request succeed later?
    retryable = False
    # Must a camera hold on to its picture? Always, unless the picture itself is what is wrong.
    keep_local = True
    # What else programs are told, by name (RFC 9457, section 3.2).
    told: Mapping[str, str] = {}


class Invalid(DomainError):
    """What was sent cannot be understood or taken. ``fields``: what is wrong with which, where it is known."""

    code = "invalid"

    def __init__(self, sentence: str, *, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.fields = dict(fields or {})


class TooLarge(Invalid):
    code = "too_large"
    keep_local = False


class UnsupportedType(Invalid):
    code = "unsupported_type"
    keep_local = False


class NotAuthenticated(DomainError):
    """Nobody we know. The picture is not at fault: the camera keeps it until its key is mended."""

    code = "not_authenticated"


class NotAllowed(DomainError):
    code = "not_allowed"


class NotThere(DomainError):
    """Not there, or not yours: one answer for both."""

    code = "not_found"


class Gone(DomainError):
    """It was there, whoever asks may know that, and it will not come back by itself."""

    code = "gone"


class Conflict(DomainError):
    code = "conflict"


class TooManyRequests(DomainError):
    """Too often, for now. ``retry_after``: the seconds until it may succeed."""

    code = "too_many_requests"
    retryable = True

    def __init__(self, sentence: str, *, retry_after: int) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class LimitReached(DomainError):
    code = "limit_reached"


class Unavailable(DomainError):
    """Something we depend on is down or full; the same request will succeed later."""

    code = "unavailable"
    retryable = True
