"""Networks and sites: the prefixes of IP addresses by which requests are limited.

A household has a /64 of IPv6 and can use any of its addresses, so limits apply to networks. A site
with a /48 has 65,536 such networks, so limits apply to sites as well.
"""

from __future__ import annotations

import ipaddress

#: The limit of a site, as a multiple of the limit of a network.
NETWORKS_OF_A_SITE = 4
_SITE_BITS = 48


def network_of(host: str, *, ipv4_bits: int = 32, ipv6_bits: int = 64) -> str:
    """Return the network of an address, such as ``2001:db8::/64``; empty for other texts.

    Args:
        host: The address, or a network with a longer prefix.
        ipv4_bits: The prefix length for IPv4; 32 for the address itself.
        ipv6_bits: The prefix length for IPv6. IPv4-mapped addresses (RFC 4291, 2.5.5.2) count as
            IPv4.
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
    """Return the site of an IPv6 address or network; empty for others."""
    site = network_of(host, ipv6_bits=_SITE_BITS)
    return site if ":" in site else ""
