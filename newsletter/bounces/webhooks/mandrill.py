"""Mandrill (Mailchimp Transactional): batches in a form; the signature includes the URL."""

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
#: Meanings by ``msg.bounce_description``, which is more particular than the event.
_DESCRIPTIONS = meanings("mandrill", "descriptions")
#: Meanings by ``reject.reason`` or the state of a message that Mandrill did not try to send.
_REJECTS = meanings("mandrill", "rejects")


class Mandrill:
    """See `Adapter`."""

    #: A form of up to 1,000 events, escaped twice.
    LARGEST = 5 * LARGEST_UNPROVEN

    def verify(self, call: Call, secrets: Sequence[str]) -> None:
        """See `Adapter.verify`; a secret is a webhook's key.

        Mandrill signs the webhook's URL as the operator entered it, followed by the names and
        values of the form. There are no separators, so a form with other fields could have the same
        octets. Only the exact field that Mandrill sends is accepted. SHA-1 is safe inside an HMAC.

        Raises:
            RefusedCallError: No secret produces the signature, or the form has other fields.
        """
        fields = form_fields(call)
        if set(fields) != {"mandrill_events"}:
            raise RefusedCallError(msg("The request is not a form from Mandrill."))
        signed = f"{call.url}mandrill_events{fields['mandrill_events']}"
        shown = call.headers.get("x-mandrill-signature", "").strip().encode()
        digests = (hmac.digest(key.encode(), signed.encode(), "sha1") for key in secrets)
        require_signature(map(base64.b64encode, digests), [shown])

    def replay_key(self, call: Call) -> None:
        """See `Adapter.replay_key`."""
        del call

    def read(self, call: Call) -> Sequence[ProviderEvent]:
        """See `Adapter.read`."""
        return read_batch("mandrill", form_fields(call).get("mandrill_events", "").encode(), _read)


def _read(one: Foreign) -> ProviderEvent | None:
    word, message = one["event"].word or one["type"].word, one["msg"]
    meaning = meaning_of(_EVENTS, word)
    if word in {"hard_bounce", "soft_bounce"}:
        finer = _DESCRIPTIONS.get(message["bounce_description"].word)
        # A soft bounce stays soft, whatever its description.
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
        # Mandrill replaces the Message-ID; the metadata may hold ours.
        message_id=message["metadata"]["message-id"].text,
        occurred_at=one["ts"].instant,
    )
