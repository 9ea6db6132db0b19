"""Cases of providers that sign the whole body or use a form, and of Scaleway's topics."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from newsletter.bounces.model import Reason
from newsletter.database.vocabulary import BounceKind
from tests.bounces.webhook_model import (
    MESSAGE_ID,
    PASSWORD,
    PATH,
    READER,
    Case,
    Provider,
    Signed,
    about,
    alone,
    by_password,
    other_body,
)

#: The public URL of the tests' web server, which is part of Mandrill's signature.
PUBLIC_URL = "https://news.example.jp"
_KEY = "a-key-of-the-provider-for-signing"
_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_FORM = "application/x-www-form-urlencoded"


def _hex_signature(header: str) -> Any:
    def sign(body: bytes, _age: timedelta) -> Signed:
        return body, {header: hmac.digest(_KEY.encode(), body, "sha256").hex()}

    return sign


# Mandrill


def _mandrill_pack(events: Sequence[Any]) -> bytes:
    return urlencode({"mandrill_events": json.dumps(list(events))}).encode()


def _mandrill_sign(body: bytes, _age: timedelta) -> Signed:
    [events] = parse_qs(body.decode())["mandrill_events"]
    signed = f"{PUBLIC_URL}/webhooks/mandrillmandrill_events{events}".encode()
    signature = base64.b64encode(hmac.digest(_KEY.encode(), signed, "sha1")).decode()
    return body, {"X-Mandrill-Signature": signature, "Content-Type": _FORM}


def _mandrill_forged(signed: Signed) -> Signed:
    body, headers = signed
    return body.replace(b"reader", b"victim"), headers


def _mandrill(word: str, **more: Any) -> dict[str, Any]:
    message = {
        "_id": f"m-{word}-{more.get('bounce_description', '')}",
        "email": READER,
        "metadata": {"message-id": MESSAGE_ID},
        **more,
    }
    return {"event": word, "ts": 1763600000, "msg": message}


_MANDRILL_CASES = about(
    MESSAGE_ID,
    "",
    (
        Case(
            name="nobody of that name",
            event=_mandrill(
                "hard_bounce", bounce_description="bad_mailbox", diag="smtp;550 5.1.1 unknown user"
            ),
            kind=BounceKind.HARD,
            reason=Reason.USER_UNKNOWN,
            status="5.1.1",
        ),
        Case(
            name="called hard, but the mailbox is full",
            event=_mandrill("hard_bounce", bounce_description="mailbox_full"),
            kind=BounceKind.SOFT,
            reason=Reason.MAILBOX_FULL,
        ),
        Case(
            name="soft, though its domain is called invalid",
            event=_mandrill("soft_bounce", bounce_description="invalid_domain"),
            kind=BounceKind.SOFT,
        ),
        Case(
            name="not tried, for an old complaint",
            event=_mandrill("reject", reject={"reason": "spam"}),
            kind=BounceKind.COMPLAINT,
            reason=Reason.COMPLAINT,
        ),
        Case(
            name="complaint",
            event=_mandrill("spam"),
            kind=BounceKind.COMPLAINT,
            reason=Reason.COMPLAINT,
        ),
        Case(name="left", event=_mandrill("unsub"), kind=BounceKind.UNSUBSCRIBE),
        Case(name="opened", event=_mandrill("open"), kind=None),
        Case(name="of another day", event=_mandrill("levitated"), kind=BounceKind.UNKNOWN),
    ),
)

# MailerSend


def _mailersend(word: str, **more: Any) -> dict[str, Any]:
    data = {"id": f"ms-{word}-{'-'.join(more)}", "recipient": READER, "meta": more}
    return {"type": f"activity.{word}", "created_at": "2026-11-20T01:02:03.456Z", "data": data}


def _mailersend_nested(word: str, reason: str) -> dict[str, Any]:
    return {
        "type": f"activity.{word}",
        "created_at": "2026-11-20T01:02:03.456Z",
        "data": {
            "id": f"ms-nested-{word}",
            "type": word,
            "email": {"recipient": {"email": READER}},
            "morph": {"object": "recipient_bounce", "reason": reason},
        },
    }


_MAILERSEND_CASES = (
    Case(
        name="nobody of that name",
        event=_mailersend("hard_bounced", bounce_code=550, bounce_reason="5.1.1 no such user"),
        kind=BounceKind.HARD,
        reason=Reason.USER_UNKNOWN,
        status="5.1.1",
    ),
    Case(
        name="nobody of that name, in the older form",
        event=_mailersend_nested("hard_bounced", "The host was not found"),
        kind=BounceKind.HARD,
        reason=Reason.USER_UNKNOWN,
    ),
    Case(
        name="called hard, but the sender is blocked",
        event=_mailersend("hard_bounced", bounce_code=554, bounce_reason="IP is on a block list"),
        kind=BounceKind.SOFT,
        reason=Reason.BLOCKED,
    ),
    Case(name="soft", event=_mailersend("soft_bounced"), kind=BounceKind.SOFT),
    Case(name="still trying", event=_mailersend("deferred"), kind=BounceKind.DELAY),
    Case(
        name="complaint",
        event=_mailersend("spam_complaint"),
        kind=BounceKind.COMPLAINT,
        reason=Reason.COMPLAINT,
    ),
    Case(name="left", event=_mailersend("unsubscribed"), kind=BounceKind.UNSUBSCRIBE),
    Case(name="a trial", event={"type": "webhook.test", "data": {}}, kind=None),
    Case(name="of another day", event=_mailersend("levitated"), kind=BounceKind.UNKNOWN),
)

# Mailtrap


def _mailtrap_pack(events: Sequence[Any]) -> bytes:
    return json.dumps({"events": list(events)}).encode()


def _mailtrap(word: str, **more: Any) -> dict[str, Any]:
    return {
        "event": word,
        "event_id": f"mt-{word}-{more.get('bounce_category', '')}",
        "timestamp": 1763600000,
        "sending_stream": "bulk",
        "email": READER,
        "message_id": "1df37d17-0286-4d8b-8edf-bc4ec5be86e6",
        **more,
    }


_MAILTRAP_CASES = (
    Case(
        name="nobody of that name",
        event=_mailtrap(
            "bounce",
            bounce_category="badmailbox",
            response_code=550,
            response="5.1.1 no mailbox of that name",
        ),
        kind=BounceKind.HARD,
        reason=Reason.USER_UNKNOWN,
        status="5.1.1",
    ),
    Case(
        name="called a bounce, but the mail looks like spam",
        event=_mailtrap("bounce", bounce_category="spam-related"),
        kind=BounceKind.SOFT,
        reason=Reason.SPAM,
    ),
    Case(
        name="soft, though its domain is called bad",
        event=_mailtrap("soft bounce", bounce_category="baddomain"),
        kind=BounceKind.SOFT,
    ),
    Case(
        name="the account is suspended",
        event=_mailtrap("suspension", reason="compliance"),
        kind=BounceKind.SOFT,
        reason=Reason.SYSTEM,
    ),
    Case(
        name="complaint",
        event=_mailtrap("spam"),
        kind=BounceKind.COMPLAINT,
        reason=Reason.COMPLAINT,
    ),
    Case(name="left", event=_mailtrap("unsubscribe"), kind=BounceKind.UNSUBSCRIBE),
    Case(name="delivered", event=_mailtrap("delivery"), kind=None),
    Case(name="of another day", event=_mailtrap("levitation"), kind=BounceKind.UNKNOWN),
)

# Postal


def _postal_sign(body: bytes, _age: timedelta) -> Signed:
    older = _RSA.sign(body, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303 - as Postal does
    newer = _RSA.sign(body, padding.PKCS1v15(), hashes.SHA256())
    return body, {
        "X-Postal-Signature": base64.b64encode(older).decode(),
        "X-Postal-Signature-256": base64.b64encode(newer).decode(),
    }


def _postal_key() -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(
        _RSA.public_key().public_bytes(serialization.Encoding.DER, form)
    ).decode()


def _postal(word: str, output: str = "", direction: str = "outgoing", **more: Any) -> Any:
    message = {"to": READER, "message_id": MESSAGE_ID.strip("<>"), "direction": direction}
    return {
        "event": word,
        "timestamp": 1763600000.5,
        "uuid": f"p-{word}-{output}",
        "payload": {"message": message, "output": output, "details": "See the reply.", **more},
    }


_POSTAL_CASES = (
    *about(
        MESSAGE_ID,
        "",
        (
            Case(
                name="nobody of that name",
                event=_postal("MessageDeliveryFailed", "550 5.1.1 no such user", status="HardFail"),
                kind=BounceKind.HARD,
                reason=Reason.USER_UNKNOWN,
                status="5.1.1",
            ),
            Case(
                name="failed for good, but the mailbox is full",
                event=_postal("MessageDeliveryFailed", "552 5.2.2 quota", status="HardFail"),
                kind=BounceKind.SOFT,
                reason=Reason.MAILBOX_FULL,
                status="5.2.2",
            ),
            Case(
                name="a report that came back later",
                event={
                    "event": "MessageBounced",
                    "uuid": "p-bounced",
                    "payload": {
                        "original_message": {
                            "to": READER,
                            "message_id": MESSAGE_ID.strip("<>"),
                            "direction": "outgoing",
                        },
                        "bounce": {"to": "x@psrp.example", "subject": "Undelivered"},
                    },
                },
                kind=BounceKind.SOFT,
            ),
            Case(
                name="still trying",
                event=_postal("MessageDelayed", "451 4.7.1 later"),
                kind=BounceKind.DELAY,
                status="4.7.1",
            ),
            Case(
                name="of another day",
                event=_postal("MessageLevitated"),
                kind=BounceKind.UNKNOWN,
            ),
        ),
    ),
    Case(name="sent", event=_postal("MessageSent", "250 ok"), kind=None),
    Case(
        name="of mail that came in",
        event=_postal("MessageDeliveryFailed", "550 no", "incoming"),
        kind=None,
    ),
)

# Unisender Go


def _unisender_pack(events: Sequence[Any]) -> bytes:
    account = {"user_id": 456, "events": list(events)}
    return json.dumps({"auth": _KEY, "events_by_user": [account]}, separators=(",", ":")).encode()


def _unisender_sign(body: bytes, _age: timedelta) -> Signed:
    digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
    return body.replace(_KEY.encode(), digest.encode(), 1), {}


def _unisender(word: str, **info: str) -> dict[str, Any]:
    data = {
        "job_id": "1a3Q2V-0000OZ-S0",
        "email": READER,
        "status": word,
        "event_time": "2026-11-20 01:02:03",
        "metadata": {"message-id": MESSAGE_ID},
        "delivery_info": info,
    }
    return {"event_name": "transactional_email_status", "event_data": data}


_UNISENDER_CASES = about(
    MESSAGE_ID,
    "",
    (
        Case(
            name="nobody of that name",
            event=_unisender(
                "hard_bounced",
                delivery_status="err_user_unknown",
                destination_response="550 5.1.1 no such user",
            ),
            kind=BounceKind.HARD,
            reason=Reason.USER_UNKNOWN,
            status="5.1.1",
        ),
        Case(
            name="called hard, but it looks like spam",
            event=_unisender("hard_bounced", delivery_status="err_spam_rejected"),
            kind=BounceKind.SOFT,
            reason=Reason.SPAM,
        ),
        Case(
            name="soft, though its user is called unknown",
            event=_unisender("soft_bounced", delivery_status="err_user_unknown"),
            kind=BounceKind.SOFT,
        ),
        Case(
            name="complaint",
            event=_unisender("spam"),
            kind=BounceKind.COMPLAINT,
            reason=Reason.COMPLAINT,
        ),
        Case(name="left", event=_unisender("unsubscribed"), kind=BounceKind.UNSUBSCRIBE),
        Case(name="opened", event=_unisender("opened"), kind=None),
        Case(
            name="of a whole domain",
            event={"event_name": "transactional_spam_block", "event_data": {"domain": "x"}},
            kind=None,
        ),
        Case(name="of another day", event=_unisender("levitated"), kind=BounceKind.UNKNOWN),
    ),
)

# Scaleway


def _scaleway_sign(body: bytes, age: timedelta) -> Signed:
    envelope = {"Type": "Notification", "Message": body.decode(), "TopicArn": "arn:scw:sns:x"}
    return by_password(json.dumps(envelope).encode(), age)


def _scaleway(word: str, code: int = 0, words: str = "") -> dict[str, Any]:
    return {
        "id": f"scw-{word}",
        "type": word,
        "created_at": "2026-11-20T01:02:03.456Z",
        "email_from": PATH,
        "email_to": READER,
        "email_headers": [{"key": "Message-ID", "value": MESSAGE_ID}],
        "email_response_code": code,
        "email_response_message": words,
    }


_SCALEWAY_CASES = about(
    MESSAGE_ID,
    PATH,
    (
        Case(
            name="nobody of that name",
            event=_scaleway("email_mailbox_not_found", 550, "5.1.1 unknown user"),
            kind=BounceKind.HARD,
            reason=Reason.USER_UNKNOWN,
            status="5.1.1",
        ),
        Case(
            name="dropped, but the mailbox is full",
            event=_scaleway("email_dropped", 552, "5.2.2 over quota"),
            kind=BounceKind.SOFT,
            reason=Reason.MAILBOX_FULL,
            status="5.2.2",
        ),
        Case(
            name="on Scaleway's own list",
            event=_scaleway("email_blocklisted"),
            kind=BounceKind.SOFT,
        ),
        Case(
            name="still trying",
            event=_scaleway("email_deferred", 451, "4.7.1 later"),
            kind=BounceKind.DELAY,
            status="4.7.1",
        ),
        Case(name="delivered", event=_scaleway("email_delivered"), kind=None),
        Case(name="of another day", event=_scaleway("email_levitated"), kind=BounceKind.UNKNOWN),
    ),
)

SIGNED_BODY_PROVIDERS = (
    Provider(
        name="mandrill",
        secret=_KEY,
        pack=_mandrill_pack,
        sign=_mandrill_sign,
        cases=_MANDRILL_CASES,
        batches=True,
        forged=_mandrill_forged,
    ),
    Provider(
        name="mailersend",
        secret=_KEY,
        pack=alone,
        sign=_hex_signature("Signature"),
        cases=_MAILERSEND_CASES,
        forged=other_body,
    ),
    Provider(
        name="mailtrap",
        secret=_KEY,
        pack=_mailtrap_pack,
        sign=_hex_signature("Mailtrap-Signature"),
        cases=_MAILTRAP_CASES,
        batches=True,
        forged=other_body,
    ),
    Provider(
        name="postal",
        secret=_postal_key(),
        pack=alone,
        sign=_postal_sign,
        cases=_POSTAL_CASES,
        forged=other_body,
    ),
    Provider(
        name="unisender_go",
        secret=_KEY,
        pack=_unisender_pack,
        sign=_unisender_sign,
        cases=_UNISENDER_CASES,
        batches=True,
        forged=other_body,
    ),
    Provider(
        name="scaleway",
        secret=PASSWORD,
        pack=alone,
        sign=_scaleway_sign,
        cases=_SCALEWAY_CASES,
    ),
)
