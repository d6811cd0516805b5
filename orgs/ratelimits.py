"""How often something may be tried. What is allowed stands in the setting ``RATE_LIMITS``, by name.

Counts are kept in the cache, each increment is atomic there; a name that ends on ``_address`` counts by the
caller's address, one that ends on ``_account`` by whom the caller claims to be.
"""

import ipaddress
import uuid
from typing import Any

from django.conf import settings
from django_ratelimit.core import get_usage

from orgs import origin
from orgs.errors import TooManyRequests

# Whoever has one IPv6 address has all of its /64, so they count as one.
IPV6_PREFIX = 64
OFF = "off"


def count(limit: str, who: object) -> None:
    """Count one try by ``who``. Raises :class:`~orgs.errors.TooManyRequests` beyond the limit."""
    usage = _usage(limit, who, increment=True)
    if usage and usage["should_limit"]:
        raise _refusal(usage)


def count_by_address(limit: str, *, at: object = "") -> None:
    """The same by the address of the request at hand; work that no request asked for is not counted.

    ``at``: what is tried, where each has a count of its own.
    """
    if who := _caller(at):
        count(limit, who)


def refuse_used_up(limit: str, who: object) -> None:
    """Refuse the try that :func:`count` would refuse, without counting it: for where only wrong ones count.

    Of those that are tried at the same moment as many get through as there are threads, once.
    """
    usage = _usage(limit, who, increment=False)
    if usage and usage["count"] >= usage["limit"]:
        raise _refusal(usage)


def refuse_used_up_by_address(limit: str, *, at: object = "") -> None:
    """The same by the address of the request at hand, as :func:`count_by_address` counts it."""
    if who := _caller(at):
        refuse_used_up(limit, who)


def count_unknown_secret(named: str | None) -> None:
    """Count a key or token that opens nothing, by the caller's address and by the prefix it names, if any.

    To be called only once it is known to be wrong. So a good one always opens: a camera with a mistyped key does
    not lock out the others behind its address, and neither does one whose key was revoked or has expired.
    """
    count_by_address("secret_address")
    if named:
        count("secret_account", named)


def count_unknown_claim(named: str) -> None:
    """Count a claim code that opens nothing, by the caller's address and by the person or the serial named.

    As with keys only wrong ones count: a unit that waits to be claimed asks every half minute, among others
    behind the same address.
    """
    count_by_address("claim_address")
    count("claim_account", named)


def count_invitation_mail(org_id: uuid.UUID, email: str) -> None:
    """Count an invitation that is to be mailed; of one without an address nothing is sent."""
    if email:
        count("invitation_mail_recipient", f"{org_id} {email}")
        count("invitation_mail_organization", org_id)


def neighbourhood(ip: str) -> str:
    """The address as one caller counts: of IPv6 the network."""
    address = ipaddress.ip_address(ip)
    if address.version == 4:
        return ip
    return str(ipaddress.ip_network((int(address), IPV6_PREFIX), strict=False).network_address)


def _usage(limit: str, who: object, *, increment: bool) -> dict[str, Any] | None:
    rate = settings.RATE_LIMITS[limit]
    if rate == OFF:
        return None
    usage: dict[str, Any] | None = get_usage(
        None, group=limit, key=lambda *_: str(who), rate=rate, increment=increment
    )
    return usage


def _refusal(usage: dict[str, Any]) -> TooManyRequests:
    seconds = max(1, usage["time_left"])
    return TooManyRequests(f"Too often; try again in {_spoken(seconds)}.", retry_after=seconds)


def _caller(at: object) -> str:
    ip = origin.current().ip
    return f"{at} {neighbourhood(ip)}".strip() if ip else ""


def _spoken(seconds: int) -> str:
    if seconds < 90:
        return "a second" if seconds == 1 else f"{seconds} seconds"
    return f"{round(seconds / 60)} minutes"
