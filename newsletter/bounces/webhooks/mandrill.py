"""Mandrill (Mailchimp Transactional): batches in a form, signed with the webhook's address."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence

from newsletter.bounces.webhooks.model import (
    LARGEST_UNPROVEN,
    UNKNOWN,
    Call,
    ProviderEvent,
    RefusedCallError,
    meanings,
)
from newsletter.bounces.webhooks.payload import (
    Foreign,
    event,
    form_fields,
    meaning_of,
    read_batch,
    recipient,
)
from newsletter.bounces.webhooks.signatures import require_signature
from newsletter.i18n.messages import msg

_EVENTS = meanings("mandrill", "events")
#: ``msg.bounce_description``, which is finer than the event.
_DESCRIPTIONS = meanings("mandrill", "descriptions")
#: Why Mandrill did not even try: ``reject.reason``, or the state of a rejected message.
_REJECTS = meanings("mandrill", "rejects")


class Mandrill:
    """See `Adapter`."""

    #: A form of up to 1,000 events, escaped twice.
    LARGEST = 5 * LARGEST_UNPROVEN

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
            raise RefusedCallError(msg("The request is not a form from Mandrill."))
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
