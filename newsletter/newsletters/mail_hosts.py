"""Whether a domain takes mail, as DNS says: its MX or, failing that, its addresses (RFC 5321, 5.1).

A question that got no answer is its own result: it says nothing against the domain.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum

from dns.exception import DNSException
from dns.resolver import NXDOMAIN, NoAnswer, Resolver


class LookupResult(StrEnum):
    """How a question to DNS ended."""

    ANSWERED = "answered"
    ABSENT = "absent"
    NOT_ASKED = "not_asked"


@dataclass(frozen=True, kw_only=True, slots=True)
class DnsAnswer:
    """The records of a name, as far as they concern the question."""

    name: str
    asked: LookupResult
    records: tuple[str, ...] = ()


def open_resolver(seconds: float) -> Resolver:
    """Return this machine's resolver, whose questions take at most so many seconds each."""
    try:
        resolver = Resolver()
    except DNSException:
        resolver = Resolver(configure=False)
    resolver.lifetime = seconds
    return resolver


def ask_mail_host(resolver: Resolver, domain: str) -> DnsAnswer:
    """Ask where mail to a domain goes; all questions together take no longer than one may.

    A null MX (RFC 7505) says that the domain takes no mail, whatever addresses it has.
    """
    end = time.monotonic() + resolver.lifetime
    for kind in ("MX", "A", "AAAA"):
        try:
            answer = resolver.resolve(domain, kind, lifetime=max(end - time.monotonic(), 0.05))
        except NXDOMAIN:
            break
        except NoAnswer:
            continue
        except (DNSException, OSError, ValueError):
            return DnsAnswer(name=domain, asked=LookupResult.NOT_ASKED)
        records = tuple(f"{kind} {record.to_text()}" for record in answer)
        null = kind == "MX" and all(record.endswith(" .") for record in records)
        asked = LookupResult.ABSENT if null else LookupResult.ANSWERED
        return DnsAnswer(name=domain, asked=asked, records=records)
    return DnsAnswer(name=domain, asked=LookupResult.ABSENT)
