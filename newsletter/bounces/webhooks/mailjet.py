"""Mailjet's event callbacks: one event a call, or several grouped, unsigned."""

from __future__ import annotations

from collections.abc import Sequence

from newsletter.bounces.model import Reason
from newsletter.bounces.webhooks.foreign import Foreign, event, meaning_of, read_batch, recipient
from newsletter.bounces.webhooks.meaning import (
    COMPLAINT,
    GONE,
    LEFT,
    NOTHING,
    SOFT,
    Meaning,
    bounce,
    general,
)
from newsletter.bounces.webhooks.model import Call, ProviderEvent
from newsletter.bounces.webhooks.unsigned import Unsigned

_EVENTS: dict[str, Meaning | None] = {
    "bounce": SOFT,
    "blocked": general(Reason.BLOCKED),
    "spam": COMPLAINT,
    "unsub": LEFT,
    "sent": NOTHING,
    "open": NOTHING,
    "click": NOTHING,
}
#: Mailjet's ``error``, which is finer than its event.
_ERRORS: dict[str, Meaning] = {
    "user unknown": GONE,
    "invalid domain": bounce(Reason.HOST_UNKNOWN),
    "no mail host": bounce(Reason.HOST_UNKNOWN),
    "mailbox inactive": bounce(Reason.SUSPENDED),
    "quota exceeded": bounce(Reason.MAILBOX_FULL),
    "blacklisted": bounce(Reason.BLOCKED),
    "spam reporter": COMPLAINT,
    "preblocked": bounce(Reason.POLICY),
    "sender blocked": bounce(Reason.SENDER_REJECTED),
    "content blocked": bounce(Reason.CONTENT),
    "bad or empty template": bounce(Reason.CONTENT),
    "error in template language": bounce(Reason.CONTENT),
    "policy issue": bounce(Reason.POLICY),
    "relay/access denied": bounce(Reason.RELAYING_DENIED),
    "greylisted": bounce(Reason.RATE_LIMITED),
    "throttled": bounce(Reason.RATE_LIMITED),
    "typofix": bounce(Reason.SYNTAX),
    "protocol error": bounce(Reason.SYSTEM),
    "system issue": bounce(Reason.SYSTEM),
    "connection issue": bounce(Reason.NETWORK),
    "duplicate in campaign": bounce(Reason.POLICY),
}


class Mailjet(Unsigned):
    """See `Adapter`."""

    def read(self, call: Call) -> Sequence[ProviderEvent]:
        """See `Adapter.read`."""
        return read_batch("mailjet", call.body, _read)


def _read(one: Foreign) -> ProviderEvent | None:
    word = one["event"].word
    meaning = meaning_of(_EVENTS, word)
    if meaning is None:
        return None
    if word in {"bounce", "blocked"}:
        fallback = GONE if one["hard_bounce"].value is True else meaning
        meaning = _ERRORS.get(one["error"].word, fallback)
    words = " ".join(filter(None, (one["error"].text, one["comment"].text)))
    about = recipient(meaning, one["email"].text, words=words)
    return event(
        "mailjet",
        # Mailjet's events have no id; told again, they are told in the same words.
        "",
        meaning,
        [about],
        one,
        occurred_at=one["time"].instant,
    )
