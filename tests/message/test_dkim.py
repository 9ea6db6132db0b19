"""Signatures, checked by an independent verifier."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.errors import SettingError
from newsletter.i18n.language import Language
from newsletter.message.dkim import DkimKey, make_key, read_key
from newsletter.message.frame import Identity, MessageFrame, Recipient
from newsletter.rendering.model import RenderedIssue, Slot, SlotUse
from tests.support.examples import examples

RSA = make_key("example.jp", "r1")
ED = make_key("example.jp", "e1", ed25519=True)
IDENTITY = Identity(
    from_name="まちの便り",
    from_address="digest@news.example.jp",
    reply_to="office@example.jp",
    list_id="digest.example.jp",
    list_name="まちの便り",
    unsubscribe_address="leave@example.jp",
    feedback_id="7:digest:newsletter:example",
)
RENDERED = RenderedIssue(
    subject=("とても長い件名がここから始まって、二行に折り返されるまで続きます",),
    html=("<p>", SlotUse(Slot.SUBSCRIBER_NAME, escape=True), "さん</p>" + "本文" * 900),
    text=("こんにちは\n", SlotUse(Slot.SUBSCRIBER_NAME, escape=False), "\n\n\n"),
    language=Language.JAPANESE,
)


def _signed(
    *keys: DkimKey, name: str = "佐藤 葵", html: bool = True, reply_to: str = IDENTITY.reply_to
) -> bytes:
    frame = MessageFrame.compile(
        RENDERED,
        replace(IDENTITY, reply_to=reply_to),
        date=datetime(2026, 11, 24, tzinfo=UTC),
        keys=keys,
    )
    return frame.compose(
        Recipient(
            address="reader@example.jp",
            name=name,
            message_id="1.abc@example.jp",
            unsubscribe_url="https://news.example.jp/u/AAAA",
            unsubscribe_token="AAAA",
            slots={Slot.SUBSCRIBER_NAME: name},
            html=html,
        )
    )


def _verdicts(message: bytes, *keys: DkimKey) -> list[bool]:
    records = {f"{key.selector}._domainkey.{key.domain}.": key.dns_record() for key in keys}

    def ask(name: bytes, timeout: int = 5) -> bytes:
        del timeout
        return records[name.decode()].encode()

    def holds(index: int) -> bool:
        try:
            return bool(dkim.DKIM(message).verify(index, dnsfunc=ask))
        except dkim.ValidationError:
            return False

    return [holds(index) for index in range(len(keys))]


@pytest.mark.parametrize("html", [True, False])
def test_both_signatures_hold(*, html: bool) -> None:
    assert _verdicts(_signed(RSA, ED, html=html), RSA, ED) == [True, True]


@settings(max_examples=examples(40))
@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=60))
def test_whatever_a_recipient_is_called_the_signature_holds(name: str) -> None:
    assert _verdicts(_signed(ED, name=name), ED) == [True]


def test_a_changed_body_breaks_the_signature() -> None:
    message = _signed(RSA)
    assert _verdicts(message[:-40] + b"AAAA" + message[-36:], RSA) == [False]


def test_the_fields_of_leaving_are_signed() -> None:
    head = _signed(RSA).split(b"\r\nbh=")[0].replace(b"\r\n ", b"")
    names = head.split(b"h=")[1].split(b";")[0].decode().split(":")
    assert {"list-unsubscribe", "list-unsubscribe-post", "feedback-id", "subject"} <= set(names)


@pytest.mark.parametrize(
    "added",
    [
        "From: evil@example.com",
        "To: you@example.com",
        "Cc: you@example.com",
        "Subject: You have won",
        "Date: Thu, 1 Jan 2026 00:00:00 +0000",
        "Reply-To: evil@example.com",
        "Sender: evil@example.com",
        "Message-ID: <other@example.com>",
        "List-Id: <other.example.com>",
        "List-Unsubscribe: <https://evil.example.com/>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "Feedback-ID: a:b:c:d",
        "MIME-Version: 1.0",
        "Content-Type: text/html",
        "Content-Language: en",
    ],
)
@pytest.mark.parametrize("top", [True, False])
@pytest.mark.parametrize("reply_to", ["office@example.jp", ""])
def test_no_field_can_be_added_to_a_signed_message(added: str, reply_to: str, *, top: bool) -> None:
    head, body = _signed(ED, reply_to=reply_to).split(b"\r\n\r\n", 1)
    lines = [added.encode(), head] if top else [head, added.encode()]
    assert _verdicts(b"\r\n".join([*lines, b"", body]), ED) == [False]


def test_a_field_of_the_way_may_be_added() -> None:
    assert _verdicts(b"Received: from a.example.jp\r\n" + _signed(ED), ED) == [True]


def test_a_key_of_another_domain_does_not_sign() -> None:
    assert b"DKIM-Signature" not in _signed(make_key("example.com", "x", ed25519=True))


def test_a_key_is_read_back_from_its_file() -> None:
    again = read_key("example.jp", "r1", RSA.to_pem(), source="r1.pem")
    assert again.dns_record() == RSA.dns_record()


@pytest.mark.parametrize(
    "pem",
    [
        b"nothing",
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        ),
    ],
)
def test_a_file_that_holds_no_usable_key_is_named(pem: bytes) -> None:
    with pytest.raises(SettingError, match=r"k\.pem"):
        read_key("example.jp", "r1", pem, source="k.pem")
