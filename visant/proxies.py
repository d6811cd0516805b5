"""Which address a request comes from, when servers stand in between.

Anybody can write ``X-Forwarded-For``. So what it and its kin say counts only when the connection itself comes
from one of ``VISANT_TRUSTED_PROXIES``; from anybody else these headers are dropped before anything reads them.
"""

import ipaddress
import re
from collections.abc import Callable, Sequence

from django.conf import settings
from django.http import HttpRequest, HttpResponse

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# What a server in front may say of the caller and of the request.
SAID_BY_PROXIES = re.compile(r"HTTP_(X_FORWARDED(_.*)?|FORWARDED|X_REAL_IP|X_REQUEST_ID)")
# 192.0.2.1:4711 and [2001:db8::1]:4711
_WITH_PORT = re.compile(r"\[(?P<six>[^\]]+)\](:\d+)?|(?P<four>\d+\.\d+\.\d+\.\d+):\d+")


class ProxyMiddleware:
    """Afterwards ``REMOTE_ADDR`` is the caller's address or empty, and what is left of such headers is true."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        meta, trusted = request.META, settings.TRUSTED_PROXIES
        peer = parse_address(meta.get("REMOTE_ADDR", ""))
        if peer is None or not _is_in(peer, trusted):
            for name in [name for name in meta if SAID_BY_PROXIES.fullmatch(name)]:
                del meta[name]
        else:
            peer = caller_of(meta.get("HTTP_X_FORWARDED_FOR", ""), peer, trusted)
        meta["REMOTE_ADDR"] = str(peer) if peer else ""
        return self.get_response(request)


def caller_of(forwarded_for: str, peer: Address, trusted: Sequence[Network]) -> Address:
    """Go through ``X-Forwarded-For`` from the right, the nearest, as long as those who wrote it are trusted.

    What is no address ends the search: the last server that was known is the caller.
    """
    for text in reversed(forwarded_for.split(",")):
        if not _is_in(peer, trusted):
            break
        address = parse_address(text)
        if address is None:
            break
        peer = address
    return peer


def parse_address(text: str) -> Address | None:
    """Return the address in ``text``, without a port or a zone; an IPv4 address in IPv6 clothes as what it is."""
    text = text.strip().strip('"')
    match = _WITH_PORT.fullmatch(text)
    if match:
        text = match["six"] or match["four"]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
