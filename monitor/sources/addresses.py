"""Addresses as logs write them, made one spelling; never raises, because what a caller sends is no promise."""

from __future__ import annotations

import ipaddress
import re
from typing import Final, NamedTuple

LONGEST: Final = 64
"""Characters kept of what is no address."""

_PORT: Final = re.compile(r"^(?:\[(?P<six>[^\]]*)\](?::\d+)?|(?P<four>\d+\.\d+\.\d+\.\d+):\d+)$")
_FOUR: Final = re.compile(
    r"(?P<net>(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3})(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)", re.ASCII
)


class Address(NamedTuple):
    """`ip` in canonical text, and the network it stands for: IPv4 /24 or IPv6 /64, '' if it is no address."""

    ip: str
    prefix: str


def canonical(text: str) -> Address:
    """One spelling for one address: no port, no zone, IPv6 compressed and lower case, IPv4-mapped IPv6 as IPv4.

    >>> canonical("2001:0DB8:0:0::00FF")
    Address(ip='2001:db8::ff', prefix='2001:db8::/64')
    >>> canonical("20.1.2.3:443")
    Address(ip='20.1.2.3', prefix='20.1.2.0/24')
    >>> canonical("<Redacted>")
    Address(ip='<Redacted>', prefix='')
    """
    if plain := _FOUR.fullmatch(text):  # nearly all are; ipaddress takes twenty times as long
        return Address(text, f"{plain['net']}0/24")
    bare = text.strip()
    if found := _PORT.match(bare):
        bare = found["six"] or found["four"] or ""
    try:
        ip = ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return Address(text.strip()[:LONGEST], "")
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    width = 24 if ip.version == 4 else 64
    return Address(str(ip), str(ipaddress.ip_network((ip, width), strict=False)))
