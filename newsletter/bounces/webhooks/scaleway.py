"""Scaleway Transactional Email: events that its topics send in an envelope like Amazon SNS's.

Scaleway does not document the location of its signature certificates. A call is therefore proven
by a password that the operator puts into the URL of the subscription.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from newsletter.bounces.webhooks.model import (
    Call,
    ProviderEvent,
    RefusedCallError,
    meanings,
)
from newsletter.bounces.webhooks.payload import (
    Foreign,
    event,
    meaning_of,
    parse,
    recipient,
    unreadable,
)
from newsletter.bounces.webhooks.signatures import Unsigned
from newsletter.bounces.webhooks.sns import is_https_on
from newsletter.i18n.messages import msg

_EVENTS = meanings("scaleway", "events")
_HOST = re.compile(r"sns\.mnq\.[a-z]{2}-[a-z]{3}\.(scaleway\.com|scw\.cloud)")


def is_scaleway_url(url: str) -> bool:
    """Return whether a URL is HTTPS on a host of Scaleway's topics, without unusual parts."""
    return is_https_on(_HOST, url)


class Scaleway(Unsigned):
    """See `Adapter`."""

    def confirmation(self, call: Call) -> str:
        """Return the URL that confirms a subscription, or an empty string; see `Ses.confirmation`.

        Raises:
            RefusedCallError: The URL is not Scaleway's.
        """
        envelope = parse(call.body) or Foreign(None)
        if envelope["Type"].text != "SubscriptionConfirmation":
            return ""
        url = envelope["SubscribeURL"].value
        if not isinstance(url, str) or not is_scaleway_url(url):
            raise RefusedCallError(msg("The confirmation address is not on a Scaleway host."))
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
