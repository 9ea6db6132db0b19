"""Amazon SES: bounces, complaints and events, which Amazon SNS brings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from newsletter.bounces.model import Reason, ReportedRecipient
from newsletter.bounces.webhooks.foreign import (
    Foreign,
    event,
    meaning_of,
    parse,
    recipient,
    unreadable,
)
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
)
from newsletter.bounces.webhooks.model import Call, ProvenWithin, ProviderEvent, RefusedCallError
from newsletter.bounces.webhooks.proof import TRIED_FOR, read_instant, require_recent
from newsletter.bounces.webhooks.sns import (
    SnsType,
    is_amazons,
    is_certificate,
    read_envelope,
    require_signed,
)

_EVENTS: dict[str, Meaning | None] = {
    "bounce": UNDECIDED,
    "complaint": COMPLAINT,
    "deliverydelay": DELAY,
    "reject": bounce(Reason.SECURITY),
    "rendering failure": bounce(Reason.SYSTEM),
    "subscription": LEFT,
    "send": NOTHING,
    "delivery": NOTHING,
    "open": NOTHING,
    "click": NOTHING,
}
#: ``bounceType/bounceSubType``.
_BOUNCES: dict[str, Meaning] = {
    "permanent/general": GONE,
    "permanent/noemail": GONE,
    "permanent/suppressed": GONE,
    # Amazon's list for this account holds complaints as well as bounces.
    "permanent/onaccountsuppressionlist": SOFT,
    "permanent/unsubscribedrecipient": LEFT,
    "transient/general": SOFT,
    "transient/mailboxfull": bounce(Reason.MAILBOX_FULL),
    "transient/messagetoolarge": bounce(Reason.MESSAGE_TOO_BIG),
    "transient/customtimeoutexceeded": bounce(Reason.EXPIRED),
    "transient/contentrejected": bounce(Reason.CONTENT),
    "transient/attachmentrejected": bounce(Reason.CONTENT),
    "undetermined/undetermined": UNDECIDED,
}
_COMPLAINTS: dict[str, Meaning] = {"not-spam": UNKNOWN, "auth-failure": UNKNOWN}


class Ses(ProvenWithin):
    """See `Adapter`; ``certificate`` fetches one from an address that was found to be Amazon's."""

    def __init__(self, certificate: Callable[[str], bytes]) -> None:
        self._certificate = certificate

    def verify(self, call: Call, secrets: Sequence[str]) -> None:
        """See `Adapter.verify`; a secret is the ARN of a topic that is listened to."""
        envelope = read_envelope(call.body)
        if envelope["TopicArn"] not in secrets:
            raise RefusedCallError("The topic is not one that is listened to.")
        if not is_certificate(envelope.certificate_url):
            raise RefusedCallError("The certificate is not on a host of Amazon's.")
        require_signed(envelope, self._certificate(envelope.certificate_url), call)
        require_recent(read_instant(envelope["Timestamp"]), call.received_at, within=TRIED_FOR)

    def once(self, call: Call) -> None:
        """See `Adapter.once`."""
        del call

    def confirmation(self, call: Call) -> str:
        """Return the address that confirms a subscription to the topic, or nothing.

        Raises:
            RefusedCallError: It is not Amazon's.
        """
        envelope = read_envelope(call.body)
        if envelope.kind is not SnsType.SUBSCRIPTION:
            return ""
        if not is_amazons(envelope["SubscribeURL"]):
            raise RefusedCallError("The confirmation is not on a host of Amazon's.")
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
        told = read_event(inner, envelope["MessageId"])
        return [] if told is None else [told]


def read_event(one: Foreign, event_id: str) -> ProviderEvent | None:
    """Return what an event of Amazon SES says, however it came; None where it says nothing."""
    word = one["eventType"].word or one["notificationType"].word
    meaning = meaning_of(_EVENTS, word)
    said, mail = one[word], one["mail"]
    people = list(said["bouncedRecipients"]) or list(said["complainedRecipients"])
    if word == "bounce":
        finer = f"{said['bounceType'].word}/{said['bounceSubType'].word}"
        permanent = said["bounceType"].word == "permanent"
        meaning = _BOUNCES.get(finer, GONE if permanent else UNDECIDED)
        if finer == "transient/general" and not any(map(_has_reply, people)):
            # Amazon calls so what its bounce address got without a report: somebody is away.
            meaning = AUTO_REPLY
    if word == "complaint":
        meaning = _COMPLAINTS.get(said["complaintFeedbackType"].word, COMPLAINT)
    if word == "deliverydelay":
        said = one["deliveryDelay"]
        people = list(said["delayedRecipients"])
    if word == "subscription" and said["newTopicPreferences"]["unsubscribeAll"].value is not True:
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
        occurred_at=said["timestamp"].instant,
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
    """Return our Message-ID, which SES replaces in what it sends."""
    for header in mail["headers"]:
        if header["name"].word == "message-id":
            return header["value"].text
    return mail["commonHeaders"]["messageId"].text
