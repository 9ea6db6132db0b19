"""Postmark's webhooks: one event a call, unsigned."""

from __future__ import annotations

from collections.abc import Sequence

from newsletter.bounces.model import Reason
from newsletter.bounces.webhooks.foreign import Foreign, event, meaning_of, read_batch, recipient
from newsletter.bounces.webhooks.meaning import (
    AUTO_REPLY,
    COMPLAINT,
    DELAY,
    GONE,
    LEFT,
    NOTHING,
    SOFT,
    UNKNOWN,
    Meaning,
    bounce,
    general,
)
from newsletter.bounces.webhooks.model import Call, ProviderEvent
from newsletter.bounces.webhooks.unsigned import Unsigned

_RECORDS: dict[str, Meaning | None] = {
    "bounce": UNKNOWN,
    "spamcomplaint": COMPLAINT,
    "subscriptionchange": UNKNOWN,
    "delivery": NOTHING,
    "open": NOTHING,
    "click": NOTHING,
}
_BOUNCES: dict[str, Meaning | None] = {
    "hardbounce": GONE,
    "bademailaddress": GONE,
    "softbounce": SOFT,
    "transient": DELAY,
    "dnserror": bounce(Reason.NETWORK),
    "spamnotification": bounce(Reason.SPAM),
    "virusnotification": bounce(Reason.SECURITY),
    "blocked": general(Reason.BLOCKED),
    "dmarcpolicy": bounce(Reason.AUTHENTICATION),
    "smtpapierror": bounce(Reason.SYSTEM),
    "templaterenderingfailed": bounce(Reason.SYSTEM),
    "inbounderror": NOTHING,
    "openrelaytest": NOTHING,
    "autoresponder": AUTO_REPLY,
    "addresschange": AUTO_REPLY,
    "challengeverification": AUTO_REPLY,
    "unsubscribe": LEFT,
    "subscribe": NOTHING,
    "spamcomplaint": COMPLAINT,
    "manuallydeactivated": LEFT,
    "unconfirmed": UNKNOWN,
    "unknown": UNKNOWN,
}
_SUPPRESSIONS: dict[str, Meaning | None] = {
    "hardbounce": GONE,
    "spamcomplaint": COMPLAINT,
    "manualsuppression": LEFT,
}


class Postmark(Unsigned):
    """See `Adapter`."""

    def read(self, call: Call) -> Sequence[ProviderEvent]:
        """See `Adapter.read`."""
        return read_batch("postmark", call.body, _read)


def _read(one: Foreign) -> ProviderEvent | None:
    record = one["RecordType"].word
    meaning = meaning_of(_RECORDS, record)
    event_id = f"{record}-{one['ID'].text}" if one["ID"].text else ""
    if record == "bounce":
        meaning = meaning_of(_BOUNCES, one["Type"].word)
    if record == "subscriptionchange":
        suppressed = one["SuppressSending"].value is True
        meaning = meaning_of(_SUPPRESSIONS, one["SuppressionReason"].word) if suppressed else None
    if meaning is None:
        return None
    words = one["Details"].text or one["Description"].text
    address = one["Email"].text or one["Recipient"].text
    return event(
        "postmark",
        event_id,
        meaning,
        [recipient(meaning, address, words=words)],
        one,
        occurred_at=one["BouncedAt"].instant or one["ChangedAt"].instant,
    )
