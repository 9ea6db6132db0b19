"""Scaleway Transactional Email: events that its topics bring in an envelope such as Amazon SNS's.

Where Scaleway keeps the certificates of its signatures is not documented, so a password of the
operator's in the subscription's address proves a call.
"""

from __future__ import annotations

import re
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
    DELAY,
    GONE,
    NOTHING,
    SOFT,
    Meaning,
    bounce,
)
from newsletter.bounces.webhooks.model import Call, ProviderEvent, RefusedCallError
from newsletter.bounces.webhooks.sns import is_https_on
from newsletter.bounces.webhooks.unsigned import Unsigned

_EVENTS: dict[str, Meaning | None] = {
    "email_mailbox_not_found": GONE,
    "email_dropped": GONE,
    "email_deferred": DELAY,
    "email_spam": bounce(Reason.SPAM),
    # On Scaleway's own list, for a full mailbox as well as for one that is none.
    "email_blocklisted": SOFT,
    "blocklist_created": NOTHING,
    "email_queued": NOTHING,
    "email_delivered": NOTHING,
}
_HOST = re.compile(r"sns\.mnq\.[a-z]{2}-[a-z]{3}\.(scaleway\.com|scw\.cloud)")


def is_scaleways(url: str) -> bool:
    """Whether an address is HTTPS on a host of Scaleway's topics, and nothing odd is in it."""
    return is_https_on(_HOST, url)


class Scaleway(Unsigned):
    """See `Adapter`."""

    def confirmation(self, call: Call) -> str:
        """Return the address that confirms a subscription, or nothing; see `Ses.confirmation`.

        Raises:
            RefusedCallError: It is not Scaleway's.
        """
        envelope = parse(call.body) or Foreign(None)
        if envelope["Type"].text != "SubscriptionConfirmation":
            return ""
        url = envelope["SubscribeURL"].value
        if not isinstance(url, str) or not is_scaleways(url):
            raise RefusedCallError("The confirmation is not on a host of Scaleway's.")
        return url

    def read(self, call: Call) -> Sequence[ProviderEvent]:
        """See `Adapter.read`."""
        envelope = parse(call.body)
        if envelope is None:
            return [unreadable("scaleway", call.body)]
        if envelope["Type"].text == "SubscriptionConfirmation":
            return []
        message = envelope["Message"].value
        inner = parse(message) if isinstance(message, str) else None
        if inner is None or not inner.is_object:
            return [unreadable("scaleway", call.body)]
        one = _read(inner)
        return [] if one is None else [one]


def _read(one: Foreign) -> ProviderEvent | None:
    meaning = meaning_of(_EVENTS, one["type"].word)
    if meaning is None:
        return None
    code = one["email_response_code"].text
    words = one["email_response_message"].text or one["email_error"].text
    headers = {header["key"].word or header["name"].word: header for header in one["email_headers"]}
    own = headers.get("message-id", Foreign(None))
    return event(
        "scaleway",
        one["id"].text,
        meaning,
        [recipient(meaning, one["email_to"].text, reply=code, words=words)],
        one,
        message_id=own["value"].text,
        return_path=one["email_from"].text,
        occurred_at=one["created_at"].instant,
    )
