"""The sender's domain, asked of a real DNS server on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from newsletter.newsletters.sender_domain import ask_sender_domain, check_sender_domain
from tests.support.dns import DnsServer


@pytest.fixture
def dns_server(_servers: None) -> Iterator[DnsServer]:
    server = DnsServer()
    yield server
    server.close()


GOOD = {
    "example.jp": ["v=spf1 include:relay.example.jp -all", "other=1"],
    "_dmarc.example.jp": ["v=DMARC1; p=reject"],
    "s1._domainkey.example.jp": ["v=DKIM1; k=rsa; p=MIGf"],
}


def _codes(server: DnsServer, domain: str = "example.jp") -> list[str]:
    found = ask_sender_domain(
        domain, dkim_name=f"s1._domainkey.{domain}", resolver=server.resolver()
    )
    return [finding.code for finding in check_sender_domain(found)]


def test_a_domain_with_all_three_records_passes(dns_server: DnsServer) -> None:
    dns_server.records = GOOD

    assert _codes(dns_server) == []


def test_each_missing_record_is_named(dns_server: DnsServer) -> None:
    dns_server.hosts = {}

    assert _codes(dns_server) == [
        "sender-host-missing",
        "spf-missing",
        "dkim-missing",
        "dmarc-missing",
    ]


@pytest.mark.parametrize(
    ("hosts", "codes"),
    [
        ({("example.jp", "A"): "192.0.2.1"}, []),
        ({("example.jp", "AAAA"): "2001:db8::1"}, []),
        ({("example.jp", "MX"): "0 ."}, ["sender-host-missing"]),
        (
            {("example.jp", "MX"): "0 .", ("example.jp", "A"): "192.0.2.1"},
            ["sender-host-missing"],
        ),
    ],
)
def test_a_domain_needs_a_host_that_takes_mail(
    dns_server: DnsServer, hosts: dict[tuple[str, str], str], codes: list[str]
) -> None:
    dns_server.records = GOOD
    dns_server.hosts = hosts

    assert _codes(dns_server) == codes


@pytest.mark.parametrize(
    ("records", "codes"),
    [
        ({"example.jp": "p=reject"}, []),
        ({"city.example.jp": "p=reject"}, []),
        ({"example.jp": "p=reject; sp=none"}, ["dmarc-none"]),
        ({"example.jp": "p=none; sp=reject"}, []),
        # The organisation's record holds, the highest there is; a public suffix's only alone.
        ({"city.example.jp": "p=reject", "example.jp": "p=none"}, ["dmarc-none"]),
        ({"city.example.jp": "p=reject; psd=n", "example.jp": "p=none"}, []),
        ({"city.example.jp": "p=none", "jp": "p=reject; psd=y"}, ["dmarc-none"]),
        ({"jp": "p=reject; psd=y"}, []),
        ({}, ["dmarc-missing"]),
    ],
)
def test_a_policy_is_looked_for_up_the_tree(
    dns_server: DnsServer, records: dict[str, str], codes: list[str]
) -> None:
    domain = "mail.city.example.jp"
    dns_server.hosts = {(domain, "MX"): "10 mx.example.jp."}
    dns_server.records = {
        domain: ["v=spf1 -all"],
        f"s1._domainkey.{domain}": ["p=MIGf"],
        **{f"_dmarc.{name}": [f"v=DMARC1; {text}"] for name, text in records.items()},
    }

    assert _codes(dns_server, domain) == codes


def test_a_name_of_many_labels_is_walked_in_eight_steps(dns_server: DnsServer) -> None:
    domain = ".".join("abcdefghijk") + ".example.jp"
    dns_server.records = {"_dmarc.example.jp": ["v=DMARC1; p=reject"]}

    assert "dmarc-missing" not in _codes(dns_server, domain)


def test_a_subdomain_inherits_the_policy_above_it(dns_server: DnsServer) -> None:
    dns_server.records = {
        "_dmarc.example.jp": ["v=DMARC1; p=reject"],
        "news.example.jp": ["v=spf1 -all"],
        "s1._domainkey.news.example.jp": ["p=MIGf"],
    }

    assert _codes(dns_server, "news.example.jp") == []


@pytest.mark.parametrize(
    ("name", "texts", "code"),
    [
        ("example.jp", ["v=spf1 +all"], "spf-all"),
        ("example.jp", ["v=spf1 -all", "v=spf1 ~all"], "spf-twice"),
        ("_dmarc.example.jp", ["v=DMARC1; p=none"], "dmarc-none"),
        ("s1._domainkey.example.jp", ["v=DKIM1; p="], "dkim-revoked"),
    ],
)
def test_a_weak_record_is_told(
    dns_server: DnsServer, name: str, texts: list[str], code: str
) -> None:
    dns_server.records = GOOD | {name: texts}

    assert _codes(dns_server) == [code]


def test_silence_says_nothing_against_the_domain(
    dns_server: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsletter.newsletters.sender_domain._PATIENCE", 0.3)
    dns_server.silent = True

    assert _codes(dns_server) == ["spf-unknown", "dkim-unknown", "dmarc-unknown"]
