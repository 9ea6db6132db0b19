"""Which domains a form takes addresses of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest

from newsletter.errors import ListError
from newsletter.newsletters.sender_domain import open_resolver
from subscribers.forms.domains import DomainRules
from tests.support.dns import DnsServer


@pytest.fixture
def dns_server(_servers: None) -> Iterator[DnsServer]:
    server = DnsServer()
    server.hosts = {}
    yield server
    server.close()


def _is_taken(rules: DomainRules, domain: str) -> bool:
    with suppress(ListError):
        rules.refuse_disposable(domain)
        rules.refuse_without_host(domain)
        return True
    return False


@pytest.mark.parametrize("domain", ["mailinator.com", "in.mailinator.com", "YOPMAIL.com"])
def test_addresses_for_minutes_are_refused(domain: str) -> None:
    with pytest.raises(ListError, match="short time"):
        DomainRules().refuse_disposable(domain)


@pytest.mark.parametrize("domain", ["gmail.com", "docomo.ne.jp", "mymailinator-club.jp", "com"])
def test_others_are_taken(domain: str) -> None:
    DomainRules().refuse_disposable(domain)


def test_a_domain_that_is_allowed_is_taken_with_what_is_below(dns_server: DnsServer) -> None:
    rules = DomainRules(allowed={"mailinator.com"}, asks=True, resolver=dns_server.resolver())
    assert _is_taken(rules, "in.mailinator.com")


@pytest.mark.parametrize(
    ("hosts", "is_taken"),
    [
        ({("a.jp", "MX"): "10 mx.a.jp."}, True),
        ({("a.jp", "A"): "192.0.2.1"}, True),
        ({("a.jp", "AAAA"): "2001:db8::1"}, True),
        ({("a.jp", "MX"): "0 ."}, False),
        ({("a.jp", "MX"): "0 .", ("a.jp", "A"): "192.0.2.1"}, False),
        ({("a.jp", "TXT"): '"v=spf1 -all"'}, False),
        ({}, False),
    ],
)
def test_a_domain_must_take_mail(
    dns_server: DnsServer, hosts: dict[tuple[str, str], str], *, is_taken: bool
) -> None:
    dns_server.hosts = hosts
    rules = DomainRules(asks=True, resolver=dns_server.resolver())
    assert _is_taken(rules, "a.jp") is is_taken


def test_where_dns_is_silent_nobody_is_refused_and_nobody_waits_long(
    dns_server: DnsServer,
) -> None:
    dns_server.silent = True
    resolver = dns_server.resolver()
    resolver.lifetime = 0.3
    assert _is_taken(DomainRules(asks=True, resolver=resolver), "a.jp")
    # Who waited in vain for one answer waits for no other.
    assert dns_server.kinds_asked == {"MX"}
    assert open_resolver(2).lifetime == 2


def test_names_for_documents_are_not_asked_for(dns_server: DnsServer) -> None:
    rules = DomainRules(asks=True, resolver=dns_server.resolver())
    assert _is_taken(rules, "reader.example")
