"""The calls of each provider, as documented and signed by it, and the expected rows.

A further provider needs an entry in `PROVIDERS`; ``test_webhooks.py`` does the rest.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from newsletter.bounces.model import Reason
from newsletter.database.vocabulary import BounceKind
from tests.bounces.signed_body_cases import SIGNED_BODY_PROVIDERS
from tests.bounces.webhook_model import (
    MESSAGE_ID,
    NOW,
    PASSWORD,
    PATH,
    READER,
    Case,
    Provider,
    Signed,
    about,
    alone,
    array,
    by_password,
    other_body,
)

TOPIC = "arn:aws:sns:ap-northeast-1:123456789012:bounces"
CERTIFICATE_URL = "https://sns.ap-northeast-1.amazonaws.com/SimpleNotificationService-0a1b.pem"
SNS_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SENDGRID_KEY = ec.generate_private_key(ec.SECP256R1())
MAILGUN_KEY = "mailgun-signing-key"
RESEND_KEY = b"resend-signing-key-of-32-octets!"


def certificate() -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
    moment = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(SNS_KEY.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - timedelta(days=2))
        .not_valid_after(moment + timedelta(days=1))
        .sign(SNS_KEY, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM)


# Amazon SES


def sns_envelope(message: str, age: timedelta = NOW, **more: str) -> dict[str, str]:
    stamp = datetime.now(UTC) - age
    return {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Message": message,
        "Timestamp": stamp.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "SigningCertURL": CERTIFICATE_URL,
        **more,
    }


def sns_sign(envelope: Mapping[str, str], version: str = "1") -> Signed:
    if envelope["Type"] == "Notification":
        names = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
    else:
        names = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    signed = "".join(f"{name}\n{envelope[name]}\n" for name in names if name in envelope)
    algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()  # noqa: S303 - as Amazon does
    signature = SNS_KEY.sign(signed.encode(), padding.PKCS1v15(), algorithm)
    whole = {
        **envelope,
        "SignatureVersion": version,
        "Signature": base64.b64encode(signature).decode(),
    }
    return json.dumps(whole).encode(), {"x-amz-sns-message-type": envelope["Type"]}


def _ses_sign(body: bytes, age: timedelta) -> Signed:
    return sns_sign(sns_envelope(body.decode(), age))


def _ses(word: str, said: dict[str, Any], key: str = "") -> dict[str, Any]:
    return {
        "notificationType": word,
        (key or word.lower()): {"timestamp": "2026-11-20T01:02:03.000Z", **said},
        "mail": {
            "source": PATH,
            "messageId": "0101018a-ses",
            "destination": [READER],
            "headers": [{"name": "Message-ID", "value": MESSAGE_ID}],
        },
    }


def _ses_bounce(kind: str, finer: str, status: str = "", words: str = "") -> dict[str, Any]:
    person = {"emailAddress": READER, "status": status, "diagnosticCode": words}
    said = {"bounceType": kind, "bounceSubType": finer, "bouncedRecipients": [person]}
    return _ses("Bounce", said)


_SES_CASES = about(
    MESSAGE_ID,
    PATH,
    (
        Case(
            name="nobody of that name",
            event=_ses_bounce("Permanent", "General", "5.1.1", "smtp; 550 5.1.1 user unknown"),
            kind=BounceKind.HARD,
            reason=Reason.USER_UNKNOWN,
            status="5.1.1",
        ),
        Case(
            name="permanent, but the sender is blocked",
            event=_ses_bounce("Permanent", "General", "", "smtp; 550 5.7.1 blocked by policy"),
            kind=BounceKind.SOFT,
            reason=Reason.BLOCKED,
            status="5.7.1",
        ),
        Case(
            name="passing, whatever the code says",
            event=_ses_bounce("Transient", "General", "5.4.4", "smtp; 550 5.4.4 host not found"),
            kind=BounceKind.SOFT,
            reason=Reason.HOST_UNKNOWN,
            status="5.4.4",
        ),
        Case(
            name="an answer by itself to the bounce address",
            event=_ses_bounce("Transient", "General"),
            kind=BounceKind.AUTO_REPLY,
            reason=Reason.AUTO_REPLY,
        ),
        Case(
            name="undetermined, and the reply says what",
            event=_ses_bounce("Undetermined", "Undetermined", "5.1.1", "smtp; 550 user unknown"),
            kind=BounceKind.HARD,
            reason=Reason.USER_UNKNOWN,
            status="5.1.1",
        ),
        Case(
            name="mailbox full",
            event=_ses_bounce("Transient", "MailboxFull"),
            kind=BounceKind.SOFT,
            reason=Reason.MAILBOX_FULL,
        ),
        Case(
            name="complaint",
            event=_ses("Complaint", {"complainedRecipients": [{"emailAddress": READER}]}),
            kind=BounceKind.COMPLAINT,
            reason=Reason.COMPLAINT,
        ),
        Case(
            name="said to be no spam",
            event=_ses(
                "Complaint",
                {
                    "complainedRecipients": [{"emailAddress": READER}],
                    "complaintFeedbackType": "not-spam",
                },
            ),
            kind=BounceKind.UNKNOWN,
        ),
        Case(
            name="delay",
            event=_ses(
                "DeliveryDelay", {"delayedRecipients": [{"emailAddress": READER}]}, "deliveryDelay"
            ),
            kind=BounceKind.DELAY,
        ),
        Case(
            name="left by SES's own list",
            event=_ses("Subscription", {"newTopicPreferences": {"unsubscribeAll": True}}),
            kind=BounceKind.UNSUBSCRIBE,
        ),
        Case(name="delivered", event=_ses("Delivery", {"recipients": [READER]}), kind=None),
        Case(
            name="of another day",
            event=_ses("Levitation", {}),
            kind=BounceKind.UNKNOWN,
        ),
    ),
)

# SendGrid


def _sendgrid_sign(body: bytes, age: timedelta) -> Signed:
    stamp = str(int((datetime.now(UTC) - age).timestamp()))
    signature = SENDGRID_KEY.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    return body, {
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": stamp,
    }


def _sendgrid_key() -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    der = SENDGRID_KEY.public_key().public_bytes(serialization.Encoding.DER, form)
    return base64.b64encode(der).decode()


def _sendgrid(word: str, **more: str) -> dict[str, Any]:
    return {
        "email": READER,
        "event": word,
        "timestamp": 1763600000,
        "smtp-id": MESSAGE_ID,
        "sg_event_id": f"sg-{word}-{'-'.join(more.values())}",
        **more,
    }


_SENDGRID_CASES = (
    Case(
        name="nobody of that name",
        event=_sendgrid("bounce", type="bounce", status="5.1.1", reason="550 5.1.1 unknown"),
        kind=BounceKind.HARD,
        reason=Reason.USER_UNKNOWN,
        status="5.1.1",
        message_id=MESSAGE_ID,
    ),
    Case(
        name="blocked",
        event=_sendgrid("bounce", type="blocked", status="5.7.1", reason="listed"),
        kind=BounceKind.SOFT,
        reason=Reason.BLOCKED,
        status="5.7.1",
        message_id=MESSAGE_ID,
    ),
    Case(
        name="called blocked, while the mailbox is full",
        event=_sendgrid("bounce", type="blocked", status="4.2.2", reason="452 4.2.2 over quota"),
        kind=BounceKind.SOFT,
        reason=Reason.MAILBOX_FULL,
        status="4.2.2",
        message_id=MESSAGE_ID,
    ),
    Case(
        name="a bounce, but the mailbox is full",
        event=_sendgrid("bounce", type="bounce", status="5.2.2", reason="over quota"),
        kind=BounceKind.SOFT,
        reason=Reason.MAILBOX_FULL,
        status="5.2.2",
        message_id=MESSAGE_ID,
    ),
    Case(
        name="dropped for an old complaint",
        event=_sendgrid("dropped", reason="Spam Reporting Address"),
        kind=BounceKind.COMPLAINT,
        reason=Reason.COMPLAINT,
        message_id=MESSAGE_ID,
    ),
    Case(
        name="complaint",
        event=_sendgrid("spamreport"),
        kind=BounceKind.COMPLAINT,
        reason=Reason.COMPLAINT,
        message_id=MESSAGE_ID,
    ),
    Case(
        name="left",
        event=_sendgrid("group_unsubscribe"),
        kind=BounceKind.UNSUBSCRIBE,
        message_id=MESSAGE_ID,
    ),
    Case(name="opened", event=_sendgrid("open"), kind=None),
    Case(
        name="of another day",
        event=_sendgrid("levitated"),
        kind=BounceKind.UNKNOWN,
        message_id=MESSAGE_ID,
    ),
)

# Postmark


def _postmark(record: str, **more: Any) -> dict[str, Any]:
    return {"RecordType": record, "MessageID": "883953f4-6105", "Email": READER, **more}


_POSTMARK_CASES = (
    Case(
        name="nobody of that name",
        event=_postmark("Bounce", ID=42, Type="HardBounce", BouncedAt="2026-11-20T01:02:03Z"),
        kind=BounceKind.HARD,
        reason=Reason.USER_UNKNOWN,
    ),
    Case(
        name="a hard bounce, but the mailbox is full",
        event=_postmark("Bounce", ID=43, Type="HardBounce", Details="smtp;552 5.2.2 full"),
        kind=BounceKind.SOFT,
        reason=Reason.MAILBOX_FULL,
        status="5.2.2",
    ),
    Case(
        name="an answer by itself",
        event=_postmark("Bounce", ID=44, Type="AutoResponder"),
        kind=BounceKind.AUTO_REPLY,
        reason=Reason.AUTO_REPLY,
    ),
    Case(
        name="still trying",
        event=_postmark("Bounce", ID=45, Type="Transient"),
        kind=BounceKind.DELAY,
    ),
    Case(
        name="complaint",
        event=_postmark("SpamComplaint", ID=46),
        kind=BounceKind.COMPLAINT,
        reason=Reason.COMPLAINT,
    ),
    Case(
        name="left",
        event={
            "RecordType": "SubscriptionChange",
            "Recipient": READER,
            "SuppressSending": True,
            "SuppressionReason": "ManualSuppression",
            "ChangedAt": "2026-11-20T01:02:03Z",
        },
        kind=BounceKind.UNSUBSCRIBE,
    ),
    Case(
        name="taken off Postmark's list",
        event={"RecordType": "SubscriptionChange", "Recipient": READER, "SuppressSending": False},
        kind=None,
    ),
    Case(name="opened", event=_postmark("Open"), kind=None),
    Case(name="of another day", event=_postmark("Levitation"), kind=BounceKind.UNKNOWN),
)

# Mailgun


def _mailgun_sign(body: bytes, age: timedelta) -> Signed:
    stamp = str(int((datetime.now(UTC) - age).timestamp()))
    return mailgun_sign(body, stamp, base64.b16encode(hmac.digest(b"t", body, "sha256")).decode())


def mailgun_sign(body: bytes, stamp: str, token: str) -> Signed:
    signature = hmac.digest(MAILGUN_KEY.encode(), f"{stamp}{token}".encode(), "sha256").hex()
    proof = {"timestamp": stamp, "token": token, "signature": signature}
    whole = {"signature": proof, "event-data": json.loads(body)}
    return json.dumps(whole).encode(), {"Content-Type": "application/json"}


def _without_mailguns_key(signed: Signed) -> Signed:
    whole = json.loads(signed[0])
    whole["signature"]["token"] = "another"
    return json.dumps(whole).encode(), signed[1]


def _mailgun(word: str, **more: Any) -> dict[str, Any]:
    return {
        "event": word,
        "id": "Ase7i2zsRYeDXztHGENqRA",
        "timestamp": 1763600000.5,
        "recipient": READER,
        "message": {"headers": {"message-id": MESSAGE_ID.strip("<>")}},
        "envelope": {"sender": PATH},
        **more,
    }


def _mailgun_failed(severity: str, reason: str, message: str = "") -> dict[str, Any]:
    status = {"code": 550, "message": message}
    return _mailgun("failed", severity=severity, reason=reason, **{"delivery-status": status})


_MAILGUN_CASES = about(
    MESSAGE_ID,
    PATH,
    (
        Case(
            name="nobody of that name",
            event=_mailgun_failed("permanent", "bounce", "5.1.1 user unknown"),
            kind=BounceKind.HARD,
            reason=Reason.USER_UNKNOWN,
            status="5.1.1",
        ),
        Case(
            name="permanent, but the sender is blocked",
            event=_mailgun_failed("permanent", "espblock"),
            kind=BounceKind.SOFT,
            reason=Reason.BLOCKED,
        ),
        Case(
            name="still trying",
            event=_mailgun_failed("temporary", "generic"),
            kind=BounceKind.DELAY,
        ),
        Case(
            name="complaint",
            event=_mailgun("complained"),
            kind=BounceKind.COMPLAINT,
            reason=Reason.COMPLAINT,
        ),
        Case(name="left", event=_mailgun("unsubscribed"), kind=BounceKind.UNSUBSCRIBE),
        Case(
            name="rejected by Mailgun, addressed with a name",
            event=_mailgun(
                "rejected",
                recipient="",
                message={
                    "headers": {
                        "to": f"Reader <{READER}>",
                        "message-id": MESSAGE_ID.strip("<>"),
                    }
                },
            ),
            kind=BounceKind.SOFT,
            reason=Reason.POLICY,
        ),
        Case(name="delivered", event=_mailgun("delivered"), kind=None),
        Case(name="of another day", event=_mailgun("levitated"), kind=BounceKind.UNKNOWN),
    ),
)

# SparkPost


def _sparkpost(family: str, word: str, **more: str) -> dict[str, Any]:
    inner = {
        "type": word,
        "event_id": f"92356927693813856-{word}-{'-'.join(more.values())}",
        "raw_rcpt_to": READER,
        "rcpt_to": READER.lower(),
        "msg_from": PATH,
        "timestamp": "1763600000",
        **more,
    }
    return {"msys": {family: inner}}


_SPARKPOST_CASES = (
    Case(
        name="nobody of that name",
        event=_sparkpost("message_event", "bounce", bounce_class="10", raw_reason="550 5.1.1 no"),
        kind=BounceKind.HARD,
        reason=Reason.USER_UNKNOWN,
        status="5.1.1",
        path=PATH,
    ),
    Case(
        name="mailbox full",
        event=_sparkpost("message_event", "out_of_band", bounce_class="22"),
        kind=BounceKind.SOFT,
        reason=Reason.MAILBOX_FULL,
        path=PATH,
    ),
    Case(
        name="an answer by itself",
        event=_sparkpost("message_event", "out_of_band", bounce_class="60"),
        kind=BounceKind.AUTO_REPLY,
        reason=Reason.AUTO_REPLY,
        path=PATH,
    ),
    Case(
        name="complaint",
        event=_sparkpost("message_event", "spam_complaint", fbtype="abuse"),
        kind=BounceKind.COMPLAINT,
        reason=Reason.COMPLAINT,
        path=PATH,
    ),
    Case(
        name="left",
        event=_sparkpost("unsubscribe_event", "list_unsubscribe"),
        kind=BounceKind.UNSUBSCRIBE,
        path=PATH,
    ),
    Case(name="opened", event=_sparkpost("track_event", "initial_open"), kind=None),
    Case(name="a trial", event={"msys": {}}, kind=None),
    Case(
        name="of another day",
        event=_sparkpost("message_event", "levitation"),
        kind=BounceKind.UNKNOWN,
        path=PATH,
    ),
)

# Mailjet


def _mailjet(word: str, **more: Any) -> dict[str, Any]:
    return {"event": word, "time": 1763600000, "MessageID": 13, "email": READER, **more}


_MAILJET_CASES = (
    Case(
        name="nobody of that name",
        event=_mailjet("bounce", hard_bounce=True, error="user unknown"),
        kind=BounceKind.HARD,
        reason=Reason.USER_UNKNOWN,
    ),
    Case(
        name="called hard, but the mailbox is full",
        event=_mailjet("bounce", hard_bounce=True, error="quota exceeded"),
        kind=BounceKind.SOFT,
        reason=Reason.MAILBOX_FULL,
    ),
    Case(
        name="blocked before",
        event=_mailjet("blocked", error="preblocked"),
        kind=BounceKind.SOFT,
        reason=Reason.POLICY,
    ),
    Case(
        name="complaint",
        event=_mailjet("spam", source="JMRPP"),
        kind=BounceKind.COMPLAINT,
        reason=Reason.COMPLAINT,
    ),
    Case(name="left", event=_mailjet("unsub"), kind=BounceKind.UNSUBSCRIBE),
    Case(name="sent", event=_mailjet("sent"), kind=None),
    Case(name="of another day", event=_mailjet("levitated"), kind=BounceKind.UNKNOWN),
)

# Brevo


def _brevo(word: str, **more: Any) -> dict[str, Any]:
    return {
        "event": word,
        "email": READER,
        "id": 26224,
        "message-id": MESSAGE_ID,
        "ts_epoch": 1763600000123,
        **more,
    }


_BREVO_CASES = (
    Case(
        name="nobody of that name",
        event=_brevo("hard_bounce", reason="550 5.1.1 unknown"),
        kind=BounceKind.HARD,
        reason=Reason.USER_UNKNOWN,
        status="5.1.1",
        message_id=MESSAGE_ID,
    ),
    Case(
        name="called hard, but the domain refuses the sender",
        event=_brevo("hard_bounce", reason="550 5.7.26 unauthenticated"),
        kind=BounceKind.SOFT,
        reason=Reason.AUTHENTICATION,
        status="5.7.26",
        message_id=MESSAGE_ID,
    ),
    Case(
        name="soft, though a domain without a mail server is spoken of",
        event=_brevo("soft_bounce", reason="no mail exchanger was found for the domain"),
        kind=BounceKind.SOFT,
        message_id=MESSAGE_ID,
    ),
    Case(
        name="soft",
        event=_brevo("soft_bounce"),
        kind=BounceKind.SOFT,
        message_id=MESSAGE_ID,
    ),
    Case(
        name="complaint",
        event=_brevo("spam"),
        kind=BounceKind.COMPLAINT,
        reason=Reason.COMPLAINT,
        message_id=MESSAGE_ID,
    ),
    Case(
        name="left",
        event=_brevo("unsubscribed"),
        kind=BounceKind.UNSUBSCRIBE,
        message_id=MESSAGE_ID,
    ),
    Case(name="opened", event=_brevo("unique_opened"), kind=None),
    Case(
        name="of another day",
        event=_brevo("levitated"),
        kind=BounceKind.UNKNOWN,
        message_id=MESSAGE_ID,
    ),
)

# Resend


def _resend_sign(body: bytes, age: timedelta) -> Signed:
    identity = "msg_" + hmac.digest(b"id", body, "sha256").hex()[:20]
    stamp = str(int((datetime.now(UTC) - age).timestamp()))
    signed = f"{identity}.{stamp}.".encode() + body
    signature = base64.b64encode(hmac.digest(RESEND_KEY, signed, "sha256")).decode()
    return body, {
        "svix-id": identity,
        "svix-timestamp": stamp,
        "svix-signature": f"v1,{base64.b64encode(b'an older key').decode()} v1,{signature}",
    }


def _resend(word: str, **more: Any) -> dict[str, Any]:
    return {
        "type": word,
        "created_at": "2026-11-20T01:02:03.456Z",
        "data": {
            "email_id": "56761188",
            "to": [READER],
            "headers": [{"name": "Message-ID", "value": MESSAGE_ID}],
            **more,
        },
    }


_RESEND_CASES = (
    Case(
        name="hard, with advice on the sender's reputation",
        event=_resend(
            "email.bounced",
            bounce={
                "type": "Permanent",
                "subType": "General",
                "message": "Their server gave no reason. Take the address off the list: more such "
                "mail harms the reputation of the sender, up to being blocked as spam.",
            },
        ),
        kind=BounceKind.HARD,
        reason=Reason.USER_UNKNOWN,
        message_id=MESSAGE_ID,
    ),
    Case(
        name="hard, but the server's own reply blames the sender",
        event=_resend(
            "email.bounced",
            bounce={
                "type": "Permanent",
                "subType": "General",
                "message": "See the code.",
                "diagnosticCode": ["smtp; 550 5.7.26 mail from example.jp is not authenticated"],
            },
        ),
        kind=BounceKind.SOFT,
        reason=Reason.AUTHENTICATION,
        status="5.7.26",
        message_id=MESSAGE_ID,
    ),
    Case(
        name="nobody of that name",
        event=_resend("email.bounced", bounce={"type": "Permanent", "subType": "General"}),
        kind=BounceKind.HARD,
        reason=Reason.USER_UNKNOWN,
        message_id=MESSAGE_ID,
    ),
    Case(
        name="mailbox full",
        event=_resend("email.bounced", bounce={"type": "Transient", "subType": "MailboxFull"}),
        kind=BounceKind.SOFT,
        reason=Reason.MAILBOX_FULL,
        message_id=MESSAGE_ID,
    ),
    Case(
        name="complaint",
        event=_resend("email.complained"),
        kind=BounceKind.COMPLAINT,
        reason=Reason.COMPLAINT,
        message_id=MESSAGE_ID,
    ),
    Case(
        name="left",
        event={"type": "contact.updated", "data": {"email": READER, "unsubscribed": True}},
        kind=BounceKind.UNSUBSCRIBE,
    ),
    Case(name="delivered", event=_resend("email.delivered"), kind=None),
    Case(
        name="of another day",
        event=_resend("email.levitated"),
        kind=BounceKind.UNKNOWN,
        message_id=MESSAGE_ID,
    ),
)

_DAY, _MINUTES = timedelta(hours=24), timedelta(minutes=5)
PROVIDERS = (
    Provider(
        name="ses",
        secret=TOPIC,
        pack=alone,
        sign=_ses_sign,
        cases=_SES_CASES,
        tolerance=_DAY,
        forged=other_body,
    ),
    Provider(
        name="sendgrid",
        secret=_sendgrid_key(),
        pack=array,
        sign=_sendgrid_sign,
        cases=_SENDGRID_CASES,
        batches=True,
        tolerance=_DAY,
        forged=other_body,
    ),
    Provider(name="postmark", secret=PASSWORD, pack=alone, sign=by_password, cases=_POSTMARK_CASES),
    Provider(
        name="mailgun",
        secret=MAILGUN_KEY,
        pack=alone,
        sign=_mailgun_sign,
        cases=_MAILGUN_CASES,
        tolerance=_DAY,
        forged=_without_mailguns_key,
    ),
    Provider(
        name="sparkpost",
        secret=PASSWORD,
        pack=array,
        sign=by_password,
        cases=_SPARKPOST_CASES,
        batches=True,
    ),
    Provider(
        name="mailjet",
        secret=PASSWORD,
        pack=array,
        sign=by_password,
        cases=_MAILJET_CASES,
        batches=True,
    ),
    Provider(
        name="brevo",
        secret=PASSWORD,
        pack=array,
        sign=by_password,
        cases=_BREVO_CASES,
        batches=True,
    ),
    Provider(
        name="resend",
        secret="whsec_" + base64.b64encode(RESEND_KEY).decode(),
        pack=alone,
        sign=_resend_sign,
        cases=_RESEND_CASES,
        tolerance=_MINUTES,
        forged=other_body,
    ),
    *SIGNED_BODY_PROVIDERS,
)


def sns_recut(event: Any) -> Signed:
    """Return a call signed by Amazon for a stranger's topic, divided into the fields of our topic.

    The signature covers names and values joined by line feeds. A stranger's message with line
    feeds can therefore imitate fields; the fields that SNS itself added are hidden in ``Type``.
    """
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    message = json.dumps(event)
    planted = f"{message}\nMessageId\nX\nTimestamp\n{stamp}\nTopicArn\n{TOPIC}\nType\nNotification"
    stranger = TOPIC.replace("123456789012", "999999999999")
    body, headers = sns_sign(sns_envelope(planted, TopicArn=stranger))
    real = json.loads(body)
    tail = "\n".join(
        f"{name}\n{real[name]}" for name in ("MessageId", "Timestamp", "TopicArn", "Type")
    )
    cut = {
        "Message": message,
        "MessageId": "X",
        "Timestamp": stamp,
        "TopicArn": TOPIC,
        "Type": f"Notification\n{tail}",
    }
    return json.dumps(real | cut).encode(), headers
