"""Networks a key may be used from, written as ``192.0.2.0/24`` or ``2001:db8::/32``."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from orgs.errors import Invalid

MOST_NETWORKS = 50


def as_networks(texts: Sequence[str], refusal: type[Invalid]) -> list[str]:
    """Return the networks in their one spelling, each once; a single address is a network of one.

    Raises ``refusal`` for what is no network.
    """
    if len(texts) > MOST_NETWORKS:
        raise _refused(f"Name at most {MOST_NETWORKS} networks.", refusal)
    return list(dict.fromkeys(str(_network(text, refusal)) for text in texts))


def is_within(ip: str | None, networks: Sequence[str]) -> bool:
    """Whether ``ip`` is of one of the ``networks``. None named: it may come from anywhere, even from nowhere."""
    if not networks:
        return True
    if ip is None:
        return False
    try:
        address = ip_address(ip)
    except ValueError:
        return False
    return any(_plain(address) in ip_network(network) for network in networks)


def _network(text: str, refusal: type[Invalid]) -> IPv4Network | IPv6Network:
    try:
        network = ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise _refused(f"{text!r} is no network; one is written like 192.0.2.0/24.", refusal) from error
    # What a server that listens on IPv6 sees of IPv4 (::ffff:192.0.2.1) is IPv4.
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    return IPv4Network((mapped, network.prefixlen - 96)) if mapped and network.prefixlen >= 96 else network


def _refused(sentence: str, refusal: type[Invalid]) -> Invalid:
    return refusal(sentence, fields={"networks": sentence})


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    return getattr(address, "ipv4_mapped", None) or address
