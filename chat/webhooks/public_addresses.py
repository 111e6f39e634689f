"""Connect to public addresses only: what a name has resolved to is checked where the socket is made, so that it cannot change in between.

Source of the ranges: the IANA special-purpose registries, as `ipaddress` has them, and RFC 4291, 6052, 3056 and 4380 for IPv4
addresses inside IPv6 ones.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_TRANSLATED = IPv6Network("64:ff9b::/96")  # NAT64: the last 32 bits are an IPv4 address


class PrivateAddress(OSError):
    """The address is not one of the public internet."""


def is_public(address: str) -> bool:
    """Whether an IP address is reachable in the public internet, and so is an IPv4 address that it contains."""
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv4Address):
        return parsed.is_global and not parsed.is_multicast
    inner = _inside(parsed)
    if inner is not None:
        return all(part.is_global and not part.is_multicast for part in inner)
    return parsed in _GLOBAL_UNICAST and parsed.is_global and not parsed.is_multicast


def _inside(address: IPv6Address) -> tuple[IPv4Address, ...] | None:
    """The IPv4 addresses that packets to an IPv6 address may end at; None when it has none."""
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    if address.teredo is not None:
        return address.teredo
    if address in _TRANSLATED:
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    return None


def public_socket(found: tuple[Any, ...]) -> socket.socket:
    """A socket for an address as `getaddrinfo` returns it. Raises PrivateAddress."""
    family, kind, protocol, _, address = found
    if not is_public(address[0]):
        raise PrivateAddress("the address is not public")
    return socket.socket(family=family, type=kind, proto=protocol)
