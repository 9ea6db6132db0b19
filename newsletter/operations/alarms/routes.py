"""Alarms of relays and recipient domains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from newsletter.database.vocabulary import DeliveryState, ProcessKind
from newsletter.i18n.messages import Message, msg, nmsg
from newsletter.i18n.values import Percent
from newsletter.mailings.ledger.relay_faults import RelayFault
from newsletter.mailings.ledger.relays import RelayState
from newsletter.mailings.ledger.tallies import Tally
from newsletter.operations.alarms.model import Alarm, AlarmSeverity, alarm
from newsletter.operations.overview import DomainView, Overview, RelayView

#: The minimum number of attempts, and the share of deferred ones, for an alarm.
_RELAY_ATTEMPTS, _RELAY_SHARE = 50, 0.3
_DOMAIN_ATTEMPTS, _DOMAIN_SHARE = 20, 0.5


def of_relays(seen: Overview) -> Iterator[Alarm]:
    """Yield alarms of relays that are on hold, fail, or defer many messages."""
    if seen.account_mail_is_refused:
        yield alarm(
            AlarmSeverity.CRITICAL,
            "account-mail-refused",
            msg("Amazon SES refuses mail to accounts, which has no return path"),
            msg("Set ACCOUNT_RETURN_PATH to a mailbox of your administrators."),
            section="relays",
        )
    working = [relay for relay in seen.relays if relay.resting is None]
    for relay in seen.relays:
        resting = relay.resting
        if resting is not None and resting.held:
            yield alarm(
                AlarmSeverity.WARNING if working else AlarmSeverity.CRITICAL,
                "relay-held",
                msg("The relay {relay} is on hold", relay=relay.name),
                msg("Release it when you are done. ({reason})", reason=resting.reason),
                where=relay.name,
                section="relays",
            )
        elif resting is not None:
            what, remedy = _of_failure(relay.name, resting)
            yield alarm(
                AlarmSeverity.WARNING if working else AlarmSeverity.CRITICAL,
                "relay-stuck",
                what,
                remedy,
                where=relay.name,
                section="relays",
            )
        elif _defers(relay):
            share = relay.tally.share(DeliveryState.DEFERRED)
            yield alarm(
                AlarmSeverity.WARNING,
                "relay-defers",
                msg(
                    "The relay {relay} defers {share}",
                    relay=relay.name,
                    share=Percent(100 * share, 0),
                ),
                msg("Check the reasons under deferred deliveries."),
                where=relay.name,
                section="deferred",
            )


def _defers(relay: RelayView) -> bool:
    """Return whether a relay defers many messages."""
    tally = relay.tally
    many = sum(tally.lately.values()) >= _RELAY_ATTEMPTS
    return many and tally.share(DeliveryState.DEFERRED) >= _RELAY_SHARE


def _of_failure(name: str, resting: RelayState) -> tuple[Message, Message]:
    """Return message and remedy for a relay that cannot be used."""
    if resting.fault is not None:
        return worded_fault(name, resting.fault, resting.reason)
    return (
        nmsg(
            "The relay {relay} does not accept email ({count} time in a row)",
            "The relay {relay} does not accept email ({count} times in a row)",
            resting.failures,
            relay=name,
        ),
        msg("It is retried automatically. The response was: {reason}", reason=resting.reason),
    )


def of_silence(seen: Overview) -> Iterator[Alarm]:
    """Yield alarms of mailings for which no relay replies, before the relay's timeout."""
    known = known_cause(seen)
    for silence in seen.silent:
        words = (
            msg("Nothing was sent of mailing {mailing_id}, {subject}, for {seconds} s")
            if known
            else msg("No relay has answered for mailing {mailing_id}, {subject}, for {seconds} s")
        )
        seconds = int((seen.taken_at - silence.since).total_seconds())
        words = words.having(
            mailing_id=silence.mailing_id, subject=silence.subject, seconds=seconds
        )
        remedy = known or msg("Check the relay. Once it responds, sending continues automatically.")
        yield alarm(
            AlarmSeverity.CRITICAL,
            "mailing-silent",
            words,
            remedy,
            where=str(silence.mailing_id),
            section="relays",
        )


def known_cause(seen: Overview) -> Message | None:
    """Return the remedy if the silence has another known cause than a relay; otherwise None."""
    if seen.is_unwritable or any(disk.fault for disk in seen.disks.values()):
        return msg(
            "Correct the fault of the database or the disk first. If nothing is sent then, check"
            " the relay."
        )
    if not any(
        each.alive and each.process.kind is ProcessKind.WORKER and not each.process.is_control
        for each in seen.processes
    ):
        return msg("Start a worker first. If nothing is sent then, check the relay.")
    # Rate limits need Redis: without it, nothing is sent by a limited relay.
    if seen.broker is not None and seen.broker.carries_nothing:
        return msg(
            "Restore Redis first: limited rates are counted there. If nothing is sent then, check"
            " the relay."
        )
    return None


def of_domains(seen: Overview) -> Iterator[Alarm]:
    """Yield alarms of recipient domains that are on hold, or defer many messages."""
    for domain in seen.domains:
        if domain.held is not None:
            yield alarm(
                AlarmSeverity.NOTE,
                "domain-held",
                msg("Sending to {domain} is on hold", domain=domain.name),
                msg("Release it when you are done. ({reason})", reason=domain.held.reason),
                where=domain.name,
                section="domains",
            )
            continue
        if _puts_off(domain.tally) and not _is_the_relays_fault(seen, domain):
            share = domain.tally.share(DeliveryState.DEFERRED)
            yield alarm(
                AlarmSeverity.WARNING,
                "domain-defers",
                msg("{domain} defers {share}", domain=domain.name, share=Percent(100 * share, 0)),
                msg("Slow down by DOMAIN_RATES, or hold the domain for a while."),
                where=domain.name,
                section="domains",
            )


def _puts_off(tally: Tally) -> bool:
    """Return whether a domain, or several together, defer many messages."""
    many = sum(tally.lately.values()) >= _DOMAIN_ATTEMPTS
    return many and tally.share(DeliveryState.DEFERRED) >= _DOMAIN_SHARE


def _is_the_relays_fault(seen: Overview, domain: DomainView) -> bool:
    """Return whether the deferrals of a domain are explained by a faulty relay.

    A relay that rejects everything defers the mail to all domains alike. The domain is the cause
    only if other domains accept mail; with too little mail to others, the relay is assumed to be
    the cause. A relay on hold does not count, since nothing is sent by it.
    """
    in_trouble = any(
        _defers(relay) if relay.resting is None else not relay.resting.held for relay in seen.relays
    )
    if not in_trouble:
        return False
    counts: Counter[DeliveryState] = Counter()
    for other in seen.domains:
        if other.name != domain.name:
            counts.update(other.tally.lately)
    others = replace(domain.tally, lately=counts)
    return counts.total() < _DOMAIN_ATTEMPTS or _puts_off(others)


_CHECK_CERTIFICATE = msg(
    "Renew its certificate, or set ca=FILE in MAIL_TRANSPORTS if it has an authority of its own."
)
_CAUSES = {
    RelayFault.NAME_UNKNOWN: (
        msg("The host name of the relay {relay} cannot be resolved"),
        msg("Check the name in MAIL_TRANSPORTS and the DNS server of this host."),
    ),
    RelayFault.NOT_REACHED: (
        msg("The relay {relay} cannot be reached"),
        msg("Check that it is running, its port in MAIL_TRANSPORTS, and the firewall."),
    ),
    RelayFault.NO_ANSWER: (
        msg("The relay {relay} does not respond in time"),
        msg("Check its load, the network and the firewall."),
    ),
    RelayFault.CERTIFICATE_EXPIRED: (
        msg("The TLS certificate of the relay {relay} has expired"),
        msg("Renew the certificate on the relay."),
    ),
    RelayFault.CERTIFICATE_EARLY: (
        msg("The TLS certificate of the relay {relay} is not valid yet"),
        msg("Check the clocks of this host and of the relay."),
    ),
    RelayFault.CERTIFICATE_NAME: (
        msg("The TLS certificate of the relay {relay} was issued for another name"),
        msg("Use the name in the certificate in MAIL_TRANSPORTS, or replace the certificate."),
    ),
    RelayFault.CERTIFICATE_UNTRUSTED: (
        msg("The TLS certificate of the relay {relay} is not trusted (self-signed, or unknown CA)"),
        _CHECK_CERTIFICATE,
    ),
    RelayFault.AUTHORITIES_UNREADABLE: (
        msg("The file of trusted authorities for the relay {relay} cannot be read"),
        msg("Correct ca=FILE in MAIL_TRANSPORTS."),
    ),
    RelayFault.TLS_FAILED: (
        msg("No TLS connection to the relay {relay} can be set up"),
        msg("Check its TLS settings, and tls= and the port in MAIL_TRANSPORTS."),
    ),
    RelayFault.TLS_MISSING: (
        msg("The relay {relay} does not offer STARTTLS"),
        msg("Enable TLS on the relay, or correct tls= in MAIL_TRANSPORTS."),
    ),
    RelayFault.PASSWORD: (
        msg("The relay {relay} rejects the user name or password"),
        msg("Correct them in MAIL_TRANSPORTS, then restart newsletter worker."),
    ),
    RelayFault.PASSWORD_UNSUPPORTED: (
        msg("The relay {relay} does not offer signing in with a password"),
        msg("Enable AUTH PLAIN or LOGIN on the relay; many offer it only over TLS (tls=starttls)."),
    ),
    RelayFault.ACCESS: (
        msg("The relay {relay} does not let this server send"),
        msg("Set the user name, password and tls= in MAIL_TRANSPORTS as the relay requires."),
    ),
    RelayFault.REFUSES_HOST: (
        msg("The relay {relay} refuses connections from this server"),
        msg("Permit this server's address on the relay, or have it removed from a block list."),
    ),
    RelayFault.BUSY: (
        msg("The relay {relay} is temporarily not accepting email"),
        msg("Check its load, queue and limits if this continues."),
    ),
    RelayFault.REFUSES_MAIL: (
        msg("The relay {relay} refuses one email after another"),
        msg(
            "Correct on the relay what its response names: access, a quota, a filter. What it"
            " refused is deferred, and nobody counts as bounced."
        ),
    ),
}


def worded_fault(relay: str, fault: RelayFault, words: str) -> tuple[Message, Message]:
    """Return message and remedy for a relay's fault; ``words`` are its reply or the error."""
    cause, remedy = _CAUSES[fault]
    return (
        cause.having(relay=relay),
        msg(
            "{remedy} Sending then continues automatically. (The response was: {words})",
            remedy=remedy,
            words=words.removeprefix(f"{relay}: "),
        ),
    )
