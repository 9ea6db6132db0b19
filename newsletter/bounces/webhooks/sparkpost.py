"""SparkPost's webhooks: batches, unsigned; each event lies in an envelope that names its family."""

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
    UNDECIDED,
    UNKNOWN,
    Meaning,
    bounce,
    general,
)
from newsletter.bounces.webhooks.model import Call, ProviderEvent
from newsletter.bounces.webhooks.unsigned import Unsigned

_EVENTS: dict[str, Meaning | None] = {
    "bounce": UNKNOWN,
    "out_of_band": UNKNOWN,
    "delay": DELAY,
    "policy_rejection": bounce(Reason.POLICY),
    "generation_failure": bounce(Reason.SYSTEM),
    "generation_rejection": bounce(Reason.POLICY),
    "spam_complaint": COMPLAINT,
    "list_unsubscribe": LEFT,
    "link_unsubscribe": LEFT,
    "injection": NOTHING,
    "delivery": NOTHING,
    "open": NOTHING,
    "initial_open": NOTHING,
    "click": NOTHING,
    "amp_open": NOTHING,
    "amp_initial_open": NOTHING,
    "amp_click": NOTHING,
    "ingest_success": NOTHING,
    "ingest_error": NOTHING,
    "sms_status": NOTHING,
    "relay_injection": NOTHING,
    "relay_rejection": NOTHING,
    "relay_delivery": NOTHING,
    "relay_tempfail": NOTHING,
    "relay_permfail": NOTHING,
    "ab_test_completed": NOTHING,
    "ab_test_cancelled": NOTHING,
}
#: SparkPost's bounce classification codes.
_CLASSES: dict[str, Meaning] = {
    "1": UNDECIDED,
    "10": GONE,
    "20": SOFT,
    "21": bounce(Reason.NETWORK),
    "22": bounce(Reason.MAILBOX_FULL),
    "23": bounce(Reason.MESSAGE_TOO_BIG),
    "24": bounce(Reason.EXPIRED),
    "25": general(Reason.POLICY),
    "26": general(Reason.POLICY),
    "30": GONE,
    "40": SOFT,
    "50": general(Reason.BLOCKED),
    "51": bounce(Reason.SPAM),
    "52": bounce(Reason.CONTENT),
    "53": bounce(Reason.CONTENT),
    "54": bounce(Reason.RELAYING_DENIED),
    "60": AUTO_REPLY,
    "70": SOFT,
    "80": UNKNOWN,
    "90": LEFT,
    "100": AUTO_REPLY,
}


class SparkPost(Unsigned):
    """See `Adapter`."""

    def read(self, call: Call) -> Sequence[ProviderEvent]:
        """See `Adapter.read`."""
        return read_batch("sparkpost", call.body, _read)


def _read(one: Foreign) -> ProviderEvent | None:
    families = one["msys"].value
    if families == {}:
        # SparkPost tries a new address with this.
        return None
    inner = Foreign(next(iter(families.values()))) if isinstance(families, dict) else one
    word = inner["type"].word
    meaning = meaning_of(_EVENTS, word)
    if word in {"bounce", "out_of_band"}:
        meaning = _CLASSES.get(inner["bounce_class"].text, UNDECIDED)
    if word == "spam_complaint" and inner["fbtype"].word == "not-spam":
        meaning = UNKNOWN
    if meaning is None:
        return None
    words = inner["raw_reason"].text or inner["reason"].text
    address = inner["raw_rcpt_to"].text or inner["rcpt_to"].text
    about = recipient(meaning, address, reply=inner["error_code"].text, words=words)
    return event(
        "sparkpost",
        inner["event_id"].text,
        meaning,
        [about],
        one,
        return_path=inner["msg_from"].text,
        occurred_at=inner["timestamp"].instant,
    )
