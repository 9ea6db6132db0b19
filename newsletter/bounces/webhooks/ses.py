"""Amazon SES: bounces, complaints and events, sent by Amazon SNS as calls or as mail."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from newsletter.bounces.bounce_text import BounceText
from newsletter.bounces.mail import Mail
from newsletter.bounces.model import Report, ReportedRecipient
from newsletter.bounces.webhooks.model import (
    AUTO_REPLY,
    COMPLAINT,
    GONE,
    LARGEST_UNPROVEN,
    UNDECIDED,
    UNKNOWN,
    Call,
    Meaning,
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
from newsletter.bounces.webhooks.signatures import TRIED_FOR, read_instant, require_recent
from newsletter.bounces.webhooks.sns import (
    SnsType,
    is_amazon_url,
    is_certificate_url,
    read_envelope,
    require_signed,
)
from newsletter.i18n.messages import msg

_EVENTS = meanings("ses", "events")
#: Meanings by ``bounceType/bounceSubType``.
_BOUNCES = meanings("ses", "bounces")
_COMPLAINTS = meanings("ses", "complaints")


class Ses:
    """See `Adapter`; ``certificate`` fetches the certificate from a verified URL of Amazon's."""

    LARGEST = LARGEST_UNPROVEN

    def __init__(self, certificate: Callable[[str], bytes]) -> None:
        self._certificate = certificate

    def verify(self, call: Call, secrets: Sequence[str]) -> None:
        """See `Adapter.verify`; a secret is the ARN of an accepted topic."""
        envelope = read_envelope(call.body)
        if envelope["TopicArn"] not in secrets:
            raise RefusedCallError(msg("The topic is not one that this site accepts."))
        if not is_certificate_url(envelope.certificate_url):
            raise RefusedCallError(msg("The certificate is not on an Amazon host."))
        require_signed(envelope, self._certificate(envelope.certificate_url), call)
        require_recent(read_instant(envelope["Timestamp"]), call.received_at, within=TRIED_FOR)

    def replay_key(self, call: Call) -> None:
        """See `Adapter.replay_key`."""
        del call

    def confirmation(self, call: Call) -> str:
        """Return the URL that confirms a subscription to the topic, or an empty string.

        Raises:
            RefusedCallError: The URL is not Amazon's.
        """
        envelope = read_envelope(call.body)
        if envelope.kind is not SnsType.SUBSCRIPTION:
            return ""
        if not is_amazon_url(envelope["SubscribeURL"]):
            raise RefusedCallError(msg("The confirmation address is not on an Amazon host."))
        return envelope["SubscribeURL"]

    def read(self, call: Call) -> Sequence[ProviderEvent]:
        """See `Adapter.read`."""
        try:
            envelope = read_envelope(call.body)
        except RefusedCallError:
            return [unreadable("ses", call.body)]
        if envelope.kind is not SnsType.NOTIFICATION:
            return []
        message = envelope["Message"]
        inner = parse(message)
        if inner is None or not inner.is_object:
            is_test = message.startswith("Successfully validated SNS topic")
            return [] if is_test else [unreadable("ses", call.body)]
        event_read = read_event(inner, envelope["MessageId"])
        return [] if event_read is None else [event_read]


def read_event(one: Foreign, event_id: str) -> ProviderEvent | None:
    """Return an event of Amazon SES, from a call or a mail; None if the event is ignored."""
    word = one["eventType"].word or one["notificationType"].word
    meaning = meaning_of(_EVENTS, word)
    detail, mail = one[word], one["mail"]
    people = list(detail["bouncedRecipients"]) or list(detail["complainedRecipients"])
    if word == "bounce":
        finer = f"{detail['bounceType'].word}/{detail['bounceSubType'].word}"
        permanent = detail["bounceType"].word == "permanent"
        meaning = _BOUNCES.get(finer, GONE if permanent else UNDECIDED)
        if finer == "transient/general" and not any(map(_has_reply, people)):
            # Amazon uses this type for mail to its bounce address without a report: an absence
            # notice.
            meaning = AUTO_REPLY
    if word == "complaint":
        meaning = _COMPLAINTS.get(detail["complaintFeedbackType"].word, COMPLAINT)
    if word == "deliverydelay":
        detail = one["deliveryDelay"]
        people = list(detail["delayedRecipients"])
    if word == "subscription" and not detail["newTopicPreferences"]["unsubscribeAll"].flag:
        meaning = UNKNOWN
    if meaning is None:
        return None
    addresses = people or [Foreign({"emailAddress": one.text}) for one in mail["destination"]]
    return event(
        "ses",
        event_id,
        meaning,
        [_recipient(meaning, person) for person in addresses],
        one,
        message_id=_message_id(mail),
        return_path=mail["source"].text,
        occurred_at=detail["timestamp"].instant,
    )


def _has_reply(person: Foreign) -> bool:
    return any(person[name].text for name in ("status", "action", "diagnosticCode"))


def _recipient(meaning: Meaning, person: Foreign) -> ReportedRecipient:
    return recipient(
        meaning,
        person["emailAddress"].text.rpartition("<")[2].rstrip(">"),
        status=person["status"].text,
        words=person["diagnosticCode"].text,
    )


def _message_id(mail: Foreign) -> str:
    """Return our Message-ID, which SES replaces in the mail that it sends."""
    for header in mail["headers"]:
        if header["name"].word == "message-id":
            return header["value"].text
    return mail["commonHeaders"]["messageId"].text


_EVENT_NAMES = ("notificationType", "eventType")


def read_ses_mail(returned: BounceText) -> Report | None:
    """Read an event of Amazon SES from the text of a mail; return None if there is none."""
    found = _event_in(returned.mail)
    event_read = None if found is None else read_event(Foreign(found), "")
    return None if event_read is None else event_read.report


def _event_in(mail: Mail) -> dict[str, object] | None:
    for part in mail.parts:
        found = _leading_object(part.json)
        if found is not None and isinstance(found.get("Message"), str):
            found = _leading_object(str(found["Message"]))
        if found is not None and any(isinstance(found.get(name), str) for name in _EVENT_NAMES):
            return found
    return None


def _leading_object(text: str) -> dict[str, object] | None:
    """Return the JSON object at the start of a text; SNS adds text for people below the object."""
    if not text.startswith("{"):
        return None
    try:
        found, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
