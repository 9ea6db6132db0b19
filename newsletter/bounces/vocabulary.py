"""The vocabulary: which phrases speak of what, in the order in which the themes are asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from newsletter.bounces.model import Reason
from newsletter.bounces.phrases import Phrases, phrases, tables

Themes = tuple[tuple[Reason, Phrases], ...]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Vocabulary:
    """Phrases by theme.

    Attributes:
        mailbox: Of the mailbox; they win over everything, the person is there.
        others: Of the sender and the message, the more particular first.
        way: Of what lay between.
        named: The sender is named outright.
        blaming: Unknown people are many here: the sender is blamed for them.
        barring: A greeting that turns the caller away, whatever it says it lacks.
        for_sure: A directory's own words.
        perhaps: Content filters use the same words.
        at_last: Said of much else, too.
        for_now: A name server that does not answer today.
    """

    mailbox: Themes
    others: Themes
    way: Themes
    named: Phrases
    blaming: Phrases
    barring: Phrases
    filtered: Phrases
    for_sure: Phrases
    perhaps: Phrases
    at_last: Phrases
    no_mail: Phrases
    host: Phrases
    for_now: Phrases

    @classmethod
    def load(cls, keep: Callable[[str], bool] = bool) -> Vocabulary:
        """Read the tables; ``keep`` leaves phrases out, to see what is found without them."""

        def of(file: str, *names: str) -> Phrases:
            read = tables(file)
            return phrases(*(filter(keep, read[name]) for name in names))

        return cls(
            mailbox=(
                (Reason.MAILBOX_FULL, of("mailbox", "full")),
                (Reason.MESSAGE_TOO_BIG, of("mailbox", "too_big")),
                (Reason.SUSPENDED, of("mailbox", "suspended")),
                (Reason.MOVED, of("mailbox", "moved")),
            ),
            others=(
                (Reason.RELAYING_DENIED, of("sender", "relaying")),
                (Reason.AUTHENTICATION, of("sender", "authentication")),
                (Reason.RATE_LIMITED, of("sender", "rate")),
                (Reason.BLOCKED, of("sender", "blocked")),
                (Reason.SPAM, of("message", "spam")),
                (Reason.SENDER_REJECTED, of("sender", "rejected")),
                (Reason.POLICY, of("message", "policy")),
                (Reason.SECURITY, of("message", "security")),
                (Reason.CONTENT, of("message", "content")),
            ),
            way=(
                (Reason.NETWORK, of("transport", "network")),
                (Reason.EXPIRED, of("transport", "expired")),
                (Reason.SYSTEM, of("transport", "system")),
                (Reason.SYNTAX, of("transport", "syntax")),
            ),
            named=of("sender", "named"),
            blaming=of("sender", "relaying", "rate", "blaming"),
            barring=of("sender", "blocked"),
            filtered=of("transport", "filtered"),
            for_sure=of("unknown", "user_for_sure"),
            perhaps=of("unknown", "user_perhaps"),
            at_last=of("unknown", "user_at_last"),
            no_mail=of("unknown", "no_mail"),
            host=of("unknown", "host"),
            for_now=of("unknown", "host_for_now"),
        )
