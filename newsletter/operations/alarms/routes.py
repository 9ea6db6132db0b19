"""Alarms of the ways that mail takes: relays and recipient domains."""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.database.vocabulary import DeliveryState
from newsletter.operations.alarms.model import Alarm, Severity, alarm
from newsletter.operations.overview import Overview

#: So many attempts, and this share of them put off, is more than a few unlucky ones.
_RELAY_ATTEMPTS, _RELAY_SHARE = 50, 0.3
_DOMAIN_ATTEMPTS, _DOMAIN_SHARE = 20, 0.5


def of_relays(seen: Overview) -> Iterator[Alarm]:
    """Return which relays are held, stuck or put much off."""
    working = [relay for relay in seen.relays if relay.resting is None]
    for relay in seen.relays:
        resting = relay.resting
        if resting is not None and resting.held:
            yield alarm(
                Severity.WARNING if working else Severity.CRITICAL,
                "relay-held",
                (
                    f"中継サーバー{relay.name}は停止中です",
                    f"The relay {relay.name} is held",
                ),
                (
                    f"作業が終わったら再開してください。（{resting.reason}）",
                    f"Let it go when you are done. ({resting.reason})",
                ),
                where=relay.name,
                section="relays",
            )
        elif resting is not None:
            yield alarm(
                Severity.WARNING if working else Severity.CRITICAL,
                "relay-stuck",
                (
                    f"中継サーバー{relay.name}がメールを受け取りません（続けて{resting.failures}回）",
                    f"The relay {relay.name} takes nothing ({resting.failures} times in a row)",
                ),
                (
                    f"自動で再試行します。応答内容：{resting.reason}",
                    f"It is tried again by itself. It said: {resting.reason}",
                ),
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
                (
                    f"中継サーバー{relay.name}が{share:.0%}を一時拒否しています",
                    f"The relay {relay.name} puts {share:.0%} off",
                ),
                ("一時拒否の理由を確認してください。", "See why, under what is deferred."),
                where=relay.name,
                section="deferred",
            )


def of_silence(seen: Overview) -> Iterator[Alarm]:
    """Return the mailings of which nothing is taken, before any relay's time is up."""
    for silence in seen.silent:
        seconds = int((seen.taken_at - silence.since).total_seconds())
        yield alarm(
            Severity.CRITICAL,
            "mailing-silent",
            (
                f"配信{silence.mailing_id}は、中継サーバーの応答が{seconds}秒間ありません",
                f"No relay has answered for mailing {silence.mailing_id} for {seconds} s",
            ),
            (
                "中継サーバーの状態を確認してください。応答が戻ると、自動で続きを送信します。",
                "See whether the relay is well. Once it answers, sending goes on by itself.",
            ),
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
                (f"{domain.name}宛ては停止中です", f"Mail to {domain.name} is held"),
                (
                    f"作業が終わったら再開してください。（{domain.held.reason}）",
                    f"Let it go when you are done. ({domain.held.reason})",
                ),
                where=domain.name,
                section="domains",
            )
            continue
        share = domain.tally.share(DeliveryState.DEFERRED)
        if sum(domain.tally.lately.values()) >= _DOMAIN_ATTEMPTS and share >= _DOMAIN_SHARE:
            yield alarm(
                Severity.WARNING,
                "domain-defers",
                (
                    f"{domain.name}が{share:.0%}を一時拒否しています",
                    f"{domain.name} puts {share:.0%} off",
                ),
                (
                    "DOMAIN_RATESで速度を抑えるか、このドメインを一時止めてください。",
                    "Slow down by DOMAIN_RATES, or hold the domain for a while.",
                ),
                where=domain.name,
                section="domains",
            )
