"""Mandrill (Mailchimp Transactional): batches in a form, signed with the webhook's address."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence

from newsletter.bounces.model import Reason
from newsletter.bounces.webhooks.foreign import (
    Foreign,
    event,
    form_fields,
    meaning_of,
    read_batch,
    recipient,
)
from newsletter.bounces.webhooks.meaning import (
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
from newsletter.bounces.webhooks.model import Call, ProviderEvent, RefusedCallError
from newsletter.bounces.webhooks.proof import require_signature

_EVENTS: dict[str, Meaning | None] = {
    "hard_bounce": GONE,
    "soft_bounce": SOFT,
    "deferral": DELAY,
    "spam": COMPLAINT,
    "unsub": LEFT,
    "reject": UNKNOWN,
    "send": NOTHING,
    "delivered": NOTHING,
    "open": NOTHING,
    "click": NOTHING,
    "blacklist": NOTHING,
    "whitelist": NOTHING,
}
#: ``msg.bounce_description``, which is finer than the event.
_DESCRIPTIONS: dict[str, Meaning] = {
    "bad_mailbox": GONE,
    "invalid_domain": bounce(Reason.HOST_UNKNOWN),
    "mailbox_full": bounce(Reason.MAILBOX_FULL),
    "message_too_large": bounce(Reason.MESSAGE_TOO_BIG),
    "spam": bounce(Reason.SPAM),
    "mail_block": general(Reason.BLOCKED),
    "invalid_sender": bounce(Reason.SENDER_REJECTED),
    "relay_denied": bounce(Reason.RELAYING_DENIED),
    "dns_failure": bounce(Reason.NETWORK),
    "inactive_mailbox": bounce(Reason.SUSPENDED),
    "challenge_response": bounce(Reason.POLICY),
    "outdated_mailbox": bounce(Reason.MOVED),
}
#: Why Mandrill did not even try: ``reject.reason``, or the state of a rejected message.
_REJECTS: dict[str, Meaning] = {
    "hard-bounce": GONE,
    "soft-bounce": SOFT,
    "spam": COMPLAINT,
    "unsub": LEFT,
    "custom": bounce(Reason.POLICY),
    "invalid-sender": bounce(Reason.SENDER_REJECTED),
    "invalid": bounce(Reason.SYNTAX),
    "unsigned": bounce(Reason.AUTHENTICATION),
    "test-mode-limit": bounce(Reason.SYSTEM),
    "rule": bounce(Reason.POLICY),
}


class Mandrill:
    """See `Adapter`."""

    def verify(self, call: Call, secrets: Sequence[str]) -> None:
        """See `Adapter.verify`; a secret is a webhook's key.

        Mandrill signs the webhook's address as it was entered, and then each field of the form with
        its name. Nothing stands between them, so a form of other fields could be the same octets
        cut elsewhere: only the one that Mandrill sends is taken. SHA-1 in an HMAC holds.

        Raises:
            RefusedCallError: None of the secrets made the signature, or the form has other fields.
        """
        fields = form_fields(call)
        if set(fields) != {"mandrill_events"}:
            raise RefusedCallError("The form is not Mandrill's.")
        signed = f"{call.url}mandrill_events{fields['mandrill_events']}"
        shown = call.headers.get("x-mandrill-signature", "").strip().encode()
        digests = (hmac.digest(key.encode(), signed.encode(), "sha1") for key in secrets)
        require_signature(map(base64.b64encode, digests), [shown])

    def once(self, call: Call) -> None:
        """See `Adapter.once`."""
        del call

    def read(self, call: Call) -> Sequence[ProviderEvent]:
        """See `Adapter.read`."""
        return read_batch("mandrill", form_fields(call).get("mandrill_events", "").encode(), _read)


def _read(one: Foreign) -> ProviderEvent | None:
    word, message = one["event"].word or one["type"].word, one["msg"]
    meaning = meaning_of(_EVENTS, word)
    if word in {"hard_bounce", "soft_bounce"}:
        finer = _DESCRIPTIONS.get(message["bounce_description"].word)
        # What is said to be soft stays so, whatever its description is.
        if finer is not None and not (word == "soft_bounce" and finer.hard):
            meaning = finer
    if word == "reject":
        reason = message["reject"]["reason"] or one["reject"]["reason"]
        meaning = _REJECTS.get(reason.word, UNKNOWN)
    if meaning is None:
        return None
    identity = message["_id"].text or one["_id"].text
    words = message["diag"].text or message["bounce_description"].text
    return event(
        "mandrill",
        f"{word}-{identity}-{one['ts'].text}" if identity else "",
        meaning,
        [recipient(meaning, message["email"].text, words=words)],
        one,
        # Mandrill replaces the Message-ID; metadata may carry ours.
        message_id=message["metadata"]["message-id"].text,
        occurred_at=one["ts"].instant,
    )
