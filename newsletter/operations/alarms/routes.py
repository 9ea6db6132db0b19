"""Alarms of the ways that mail takes: relays and recipient domains."""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.database.vocabulary import DeliveryState
from newsletter.i18n.messages import Message, msg
from newsletter.mailings.ledger.relays import RelayState
from newsletter.operations.alarms.model import Alarm, Severity, alarm
from newsletter.operations.alarms.relay_faults import worded_fault
from newsletter.operations.overview import Overview

#: So many attempts, and this share of them put off, is more than a few unlucky ones.
_RELAY_ATTEMPTS, _RELAY_SHARE = 50, 0.3
_DOMAIN_ATTEMPTS, _DOMAIN_SHARE = 20, 0.5


def of_relays(seen: Overview) -> Iterator[Alarm]:
    """Return which relays are held, stuck or put much off."""
    if seen.account_mail_is_refused:
        yield alarm(
            Severity.CRITICAL,
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
                Severity.WARNING if working else Severity.CRITICAL,
                "relay-held",
                msg("The relay {relay} is on hold", relay=relay.name),
                msg("Release it when you are done. ({reason})", reason=resting.reason),
                where=relay.name,
                section="relays",
            )
        elif resting is not None:
            what, remedy = _of_failure(relay.name, resting)
            yield alarm(
                Severity.WARNING if working else Severity.CRITICAL,
                "relay-stuck",
                what,
                remedy,
                where=relay.name,
                section="relays",
            )
        elif (
            sum(relay.tally.lately.values()) >= _RELAY_ATTEMPTS
            and (share := relay.tally.share(DeliveryState.DEFERRED)) >= _RELAY_SHARE
        ):
            yield alarm(
                Severity.WARNING,
                "relay-defers",
                msg(
                    "The relay {relay} defers {share}",
                    relay=relay.name,
                    share=format(share, ".0%"),
                ),
                msg("Check the reasons under deferred deliveries."),
                where=relay.name,
                section="deferred",
            )


def _of_failure(name: str, resting: RelayState) -> tuple[Message, Message]:
    """Return why a relay takes nothing, and what to do."""
    if resting.fault is not None:
        return worded_fault(name, resting.fault, resting.reason)
    return (
        msg(
            "The relay {relay} does not accept email ({failures} times in a row)",
            relay=name,
            failures=resting.failures,
        ),
        msg("It is retried automatically. The response was: {reason}", reason=resting.reason),
    )


def of_silence(seen: Overview) -> Iterator[Alarm]:
    """Return the mailings of which nothing is taken, before any relay's time is up."""
    without_broker = seen.broker is not None and seen.broker.carries_nothing
    for silence in seen.silent:
        seconds = int((seen.taken_at - silence.since).total_seconds())
        # Rates are counted in Redis: without it a limited relay is not spoken to.
        words, remedy = (
            (
                msg(
                    "Nothing was sent of mailing {mailing_id} for {seconds} s",
                    mailing_id=silence.mailing_id,
                    seconds=seconds,
                ),
                msg(
                    "Restore Redis first: limited rates are counted there. If nothing is sent"
                    " then, check the relay."
                ),
            )
            if without_broker
            else (
                msg(
                    "No relay has answered for mailing {mailing_id} for {seconds} s",
                    mailing_id=silence.mailing_id,
                    seconds=seconds,
                ),
                msg("Check the relay. Once it responds, sending continues automatically."),
            )
        )
        yield alarm(
            Severity.CRITICAL,
            "mailing-silent",
            words,
            remedy,
            where=str(silence.mailing_id),
            section="relays",
        )


def of_domains(seen: Overview) -> Iterator[Alarm]:
    """Return which recipient domains are held or put much off."""
    for domain in seen.domains:
        if domain.held is not None:
            yield alarm(
                Severity.NOTE,
                "domain-held",
                msg("Sending to {domain} is on hold", domain=domain.name),
                msg("Release it when you are done. ({reason})", reason=domain.held.reason),
                where=domain.name,
                section="domains",
            )
            continue
        share = domain.tally.share(DeliveryState.DEFERRED)
        if sum(domain.tally.lately.values()) >= _DOMAIN_ATTEMPTS and share >= _DOMAIN_SHARE:
            yield alarm(
                Severity.WARNING,
                "domain-defers",
                msg("{domain} defers {share}", domain=domain.name, share=format(share, ".0%")),
                msg("Slow down by DOMAIN_RATES, or hold the domain for a while."),
                where=domain.name,
                section="domains",
            )
