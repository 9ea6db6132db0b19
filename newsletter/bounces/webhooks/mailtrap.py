"""Mailtrap's webhooks: batches in JSON or in lines of JSON, signed over the whole body."""

from __future__ import annotations

from collections.abc import Sequence

from newsletter.bounces.model import Reason
from newsletter.bounces.webhooks.foreign import (
    Foreign,
    event,
    meaning_of,
    parse,
    recipient,
    unreadable,
)
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
from newsletter.bounces.webhooks.proof import require_body_signature

_EVENTS: dict[str, Meaning | None] = {
    "bounce": GONE,
    "soft bounce": SOFT,
    "spam": COMPLAINT,
    "spam complaint": COMPLAINT,
    "unsubscribe": LEFT,
    # Mailtrap does not send: the account is suspended, or the address on its list.
    "suspension": bounce(Reason.SYSTEM),
    "reject": SOFT,
    "delivery": NOTHING,
    "open": NOTHING,
    "click": NOTHING,
}
#: ``bounce_category``, which is finer than the event.
_CATEGORIES: dict[str, Meaning] = {
    "badmailbox": GONE,
    "baddomain": bounce(Reason.HOST_UNKNOWN),
    "inactivemailbox": bounce(Reason.SUSPENDED),
    "mailboxfull": bounce(Reason.MAILBOX_FULL),
    "quota": bounce(Reason.MAILBOX_FULL),
    "quotaissues": bounce(Reason.MAILBOX_FULL),
    "spam": bounce(Reason.SPAM),
    "spamrelated": general(Reason.SPAM),
    "spamblock": general(Reason.BLOCKED),
    "spamcontent": bounce(Reason.CONTENT),
    "virus": bounce(Reason.SECURITY),
    "policyrelated": general(Reason.POLICY),
    "policy": general(Reason.POLICY),
    "contentrelated": bounce(Reason.CONTENT),
    "messageexpired": bounce(Reason.EXPIRED),
    "toolarge": bounce(Reason.MESSAGE_TOO_BIG),
    "relayingissues": bounce(Reason.RELAYING_DENIED),
    "routingerrors": bounce(Reason.NETWORK),
    "noanswerfromhost": bounce(Reason.NETWORK),
    "badconnection": bounce(Reason.NETWORK),
    "badconfiguration": bounce(Reason.SYSTEM),
    "protocolerrors": bounce(Reason.SYSTEM),
    "invalidsender": bounce(Reason.SENDER_REJECTED),
}


class Mailtrap:
    """See `Adapter`."""

    def verify(self, call: Call, secrets: Sequence[str]) -> None:
        """See `Adapter.verify`; a secret is the webhook's signature key."""
        require_body_signature(call, "mailtrap-signature", secrets)

    def once(self, call: Call) -> None:
        """See `Adapter.once`."""
        del call

    def read(self, call: Call) -> Sequence[ProviderEvent]:
        """See `Adapter.read`."""
        whole = parse(call.body)
        if whole is not None:
            batch = list(whole["events"]) or list(whole) or [whole]
        else:
            lines = [parse(line) for line in call.body.splitlines() if line.strip()]
            batch = [one for one in lines if one is not None]
            if not batch:
                return [unreadable("mailtrap", call.body)]
        return [one for each in batch if (one := _read(each)) is not None]


def _read(one: Foreign) -> ProviderEvent | None:
    word = one["event"].word.replace("_", " ")
    meaning = meaning_of(_EVENTS, word)
    if word in {"bounce", "soft bounce"}:
        category = "".join(one["bounce_category"].word.split()).replace("-", "").replace("_", "")
        finer = _CATEGORIES.get(category)
        # What is said to be soft stays so, whatever its category is.
        if finer is not None and not (word == "soft bounce" and finer.hard):
            meaning = finer
    if meaning is None:
        return None
    words = one["response"].text or one["reason"].text
    variables = one["custom_variables"]
    return event(
        "mailtrap",
        one["event_id"].text,
        meaning,
        [recipient(meaning, one["email"].text, reply=one["response_code"].text, words=words)],
        one,
        # Mailtrap's ``message_id`` is its own; a variable may carry ours.
        message_id=variables["message-id"].text,
        occurred_at=one["timestamp"].instant,
    )
