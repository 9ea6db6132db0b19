"""DNS records of the sender's domain: MX, SPF, DKIM and DMARC, which receivers require.

A query without a reply is a result of its own, and not an error of the domain.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

from dns.exception import DNSException
from dns.resolver import NXDOMAIN, NoAnswer, Resolver

from newsletter.i18n.messages import Message, msg
from newsletter.issues.checks.findings import Finding, IssueField, IssuePlace, Severity

#: Timeout of all queries together, in seconds.
_PATIENCE = 3.0
#: The maximum number of labels in DMARC's tree walk.
_WALKED = 8
_PLACE = IssuePlace(field=IssueField.SENDER)


@dataclass(frozen=True, kw_only=True, slots=True)
class SenderDomain:
    """The DNS records of a domain.

    Attributes:
        host: Its MX records or, without any, its addresses.
        dmarc: The record that applies, which may be that of a parent domain.
        dkim: Its DKIM key; None if the relay signs.
    """

    domain: str
    host: DnsAnswer
    spf: DnsAnswer
    dmarc: DnsAnswer
    dkim: DnsAnswer | None


def ask_sender_domain(
    domain: str, *, dkim_name: str = "", resolver: Resolver | None = None
) -> SenderDomain:
    """Query a domain's hosts, SPF (RFC 7208), DMARC (RFC 7489), and DKIM key (RFC 6376).

    ``dkim_name`` is the name of the key, ``SELECTOR._domainkey.DOMAIN``; empty for no query.
    """
    resolver = resolver or open_resolver(_PATIENCE)
    resolver.lifetime = _PATIENCE
    with ThreadPoolExecutor(max_workers=16) as pool:
        host = pool.submit(ask_mail_host, resolver, domain)
        spf = pool.submit(_ask, resolver, domain, "v=spf1")
        dkim = pool.submit(_ask, resolver, dkim_name, "p=") if dkim_name else None
        dmarc = [
            pool.submit(_ask, resolver, f"_dmarc.{name}", "v=DMARC1") for name in _walk(domain)
        ]
    return SenderDomain(
        domain=domain,
        host=host.result(),
        spf=spf.result(),
        dmarc=_policy([answer.result() for answer in dmarc]),
        dkim=dkim.result() if dkim else None,
    )


def _walk(domain: str) -> list[str]:
    """Return a domain and its parents, by DMARC's tree walk (RFC 9989 section 4.10).

    For a name with more than eight labels, those in the middle are left out.
    """
    labels = domain.split(".")
    above = labels[1:] if len(labels) <= _WALKED else labels[-(_WALKED - 1) :]
    return [domain, *(".".join(above[start:]) for start in range(len(above)))]


def _policy(answers: list[DnsAnswer]) -> DnsAnswer:
    """Return the domain's own record, or that of the organisational domain, the topmost one.

    A record with ``psd=n`` is that of an organisational domain; one with ``psd=y``, of a public
    suffix, applies only if there is no other.
    """
    own, *above = answers
    if own.asked is not LookupResult.ABSENT:
        return own
    there = [answer for answer in above if answer.asked is LookupResult.ANSWERED]
    for answer in there:
        if _has_tag(answer, "psd=n"):
            return answer
    organisations = [answer for answer in there if not _has_tag(answer, "psd=y")]
    if organisations or there:
        return (organisations or there)[-1]
    silent = [answer for answer in above[:-1] if answer.asked is LookupResult.NOT_ASKED]
    return silent[0] if silent else own


def _has_tag(answer: DnsAnswer, tag: str) -> bool:
    return any(tag in re.sub(r"\s", "", record.lower()).split(";") for record in answer.records)


def _ask(resolver: Resolver, name: str, mark: str) -> DnsAnswer:
    try:
        answer = resolver.resolve(name, "TXT")
    except (NXDOMAIN, NoAnswer):
        return DnsAnswer(name=name, asked=LookupResult.ABSENT)
    except (DNSException, OSError, ValueError):
        return DnsAnswer(name=name, asked=LookupResult.NOT_ASKED)
    texts = [b"".join(record.strings).decode("utf-8", "replace") for record in answer]
    records = tuple(text for text in texts if mark.lower() in text.lower())
    return DnsAnswer(
        name=name, asked=LookupResult.ANSWERED if records else LookupResult.ABSENT, records=records
    )


def check_sender_domain(domain: SenderDomain) -> Iterator[Finding]:
    """Yield findings about a domain's records, and about failed queries."""
    yield from _check_host(domain.host, domain.domain)
    yield from _check_spf(domain.spf, domain.domain)
    yield from _check_dkim(domain.dkim)
    yield from _check_dmarc(domain.dmarc, domain.domain)


def _check_host(host: DnsAnswer, domain: str) -> Iterator[Finding]:
    if host.asked is LookupResult.ABSENT:
        yield _finding(
            "sender-host-missing",
            Severity.WARNING,
            msg(
                "The sender's domain {domain} has neither MX nor A; some providers refuse it.",
                domain=domain,
            ),
            msg("Add an MX record to DNS for the server that receives replies."),
        )


def _check_spf(spf: DnsAnswer, domain: str) -> Iterator[Finding]:
    if spf.asked is not LookupResult.ANSWERED:
        yield _lacking("spf", "SPF", spf, f"v=spf1 include:… -all ({domain})")
    elif len(spf.records) > 1:
        yield _finding(
            "spf-twice",
            Severity.WARNING,
            msg("There is more than one SPF record."),
            msg("Join them; receivers reject several."),
        )
    elif re.search(r"(^|\s)\+?all\b", spf.records[0]):
        yield _finding(
            "spf-all",
            Severity.WARNING,
            msg("The SPF record allows anybody to send."),
            msg("End it with -all or ~all."),
        )


def _check_dkim(dkim: DnsAnswer | None) -> Iterator[Finding]:
    if dkim is None:
        return
    if dkim.asked is not LookupResult.ANSWERED:
        yield _lacking("dkim", "DKIM", dkim, f"v=DKIM1; k=rsa; p=… ({dkim.name})")
    elif any(re.search(r"\bp=\s*(;|$)", record) for record in dkim.records):
        yield _finding(
            "dkim-revoked",
            Severity.ERROR,
            msg("The DKIM key is revoked."),
            msg("Publish a new key."),
        )


def _check_dmarc(dmarc: DnsAnswer, domain: str) -> Iterator[Finding]:
    if dmarc.asked is not LookupResult.ANSWERED:
        yield _lacking("dmarc", "DMARC", dmarc, f"v=DMARC1; p=quarantine (_dmarc.{domain})")
    elif _dmarc_asks(dmarc, domain) == "none":
        yield _finding(
            "dmarc-none",
            Severity.HINT,
            msg("DMARC is p=none, which does not prevent impersonation."),
            msg("Read the reports, then change it to p=quarantine."),
        )


def _dmarc_asks(dmarc: DnsAnswer, domain: str) -> str:
    """Return the policy that a record sets for a domain; for subdomains, ``sp`` applies."""
    tags: dict[str, str] = dict(re.findall(r"([a-z]+)\s*=\s*([^;\s]+)", dmarc.records[0].lower()))
    inherited = dmarc.name != f"_dmarc.{domain}"
    own = tags.get("p", "")
    return tags.get("sp", own) if inherited else own


def _lacking(code: str, what: str, answer: DnsAnswer, example: str) -> Finding:
    if answer.asked is LookupResult.NOT_ASKED:
        return _finding(
            f"{code}-unknown",
            Severity.HINT,
            msg("{what} could not be looked up in DNS.", what=what),
            msg("Check the network and try again."),
        )
    return _finding(
        f"{code}-missing",
        Severity.WARNING,
        msg("The sender's domain has no {what}.", what=what),
        msg(
            "Add it to DNS: {example}; large mailbox providers require it of bulk senders.",
            example=example,
        ),
    )


def _finding(code: str, severity: Severity, message: Message, remedy: Message) -> Finding:
    return Finding(code=code, severity=severity, place=_PLACE, message=message, remedy=remedy)


class LookupResult(StrEnum):
    """The result of a DNS query."""

    ANSWERED = "answered"
    ABSENT = "absent"
    NOT_ASKED = "not_asked"


@dataclass(frozen=True, kw_only=True, slots=True)
class DnsAnswer:
    """The result of a DNS query, with the relevant records."""

    name: str
    asked: LookupResult
    records: tuple[str, ...] = ()


def open_resolver(seconds: float) -> Resolver:
    """Return the system's resolver, with a timeout per query in seconds."""
    try:
        resolver = Resolver()
    except DNSException:
        resolver = Resolver(configure=False)
    resolver.lifetime = seconds
    return resolver


def ask_mail_host(resolver: Resolver, domain: str) -> DnsAnswer:
    """Query the mail hosts of a domain; all queries together have the timeout of one.

    A null MX (RFC 7505) means that the domain accepts no mail, even if it has addresses.
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
