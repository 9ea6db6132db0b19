"""Networks: what one household, office or site shares of an IP address, and how much it may.

Whoever is limited is limited by network: a household has a /64 of IPv6, and so many addresses as
it likes. Whoever has a /48, a site, has 65,536 of these networks, so a site is limited, too.
"""

from __future__ import annotations

import ipaddress

#: What the networks of a site may together, in terms of what each may.
NETWORKS_OF_A_SITE = 4
_SITE_BITS = 48


def network_of(host: str, *, ipv4_bits: int = 32, ipv6_bits: int = 64) -> str:
    """Return the network that an address is in, such as ``2001:db8::/64``; empty for no address.

    Args:
        host: The address, or a network of more bits.
        ipv4_bits: How much of an IPv4 address is looked at; all of it is the address itself.
        ipv6_bits: Likewise. What is IPv4 within IPv6 (RFC 4291, 2.5.5.2) is IPv4.
    """
    try:
        address = ipaddress.ip_address(host.partition("/")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    bits = ipv4_bits if isinstance(address, ipaddress.IPv4Address) else ipv6_bits
    if bits == address.max_prefixlen:
        return str(address)
    return str(ipaddress.ip_network(f"{address}/{bits}", strict=False))


def site_of(host: str) -> str:
    """Return the site that an IPv6 address or network is in; empty for any other."""
    site = network_of(host, ipv6_bits=_SITE_BITS)
    return site if ":" in site else ""
