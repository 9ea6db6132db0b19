"""One recipient's message, as octets and as parsed by Python's email package."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html import escape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import MessageError
from newsletter.i18n.language import Language
from newsletter.message.frame import Base64Body, Identity, MessageFrame, Recipient
from newsletter.message.identifiers import (
    delivery_message_id,
    feedback_id,
    person_code,
    read_delivery_id,
)
from newsletter.rendering.model import RenderedIssue, Slot, SlottedText, SlotUse

NAME = Slot.SUBSCRIBER_NAME
IDENTITY = Identity(
    from_name="まちのデジタル便り編集室",
    from_address="digest@example.jp",
    reply_to="office@example.jp",
    list_id="digest.example.jp",
    list_name="まちのデジタル便り",
    unsubscribe_address="leave@example.jp",
    feedback_id="7:digest:newsletter:example",
)
LONG_URL = "https://news.example.jp/u/" + "A" * 60


def _rendered(**changes: Any) -> RenderedIssue:
    values: dict[str, Any] = {
        "subject": ("公共分野デジタル化動向(2021.10.21)と、とても長い件名がここまで続きます",),
        "html": ("<p>こんにちは、", SlotUse(NAME, escape=True), "さん</p>" + "本文" * 3000),
        "text": ("こんにちは、", SlotUse(NAME, escape=False), "さん\n.点で始まる行\n"),
        "language": Language.JAPANESE,
    }
    return RenderedIssue(**(values | changes))


def _recipient(**changes: Any) -> Recipient:
    values: dict[str, Any] = {
        "address": "reader@example.jp",
        "name": "佐藤 葵",
        "message_id": "1.abc@example.jp",
        "unsubscribe_url": LONG_URL,
        "unsubscribe_token": "AQEBAQ",
        "slots": {NAME: "佐藤 <葵>"},
    }
    return Recipient(**(values | changes))


def _compose(rendered: RenderedIssue | None = None, /, **changes: Any) -> bytes:
    frame = MessageFrame.compile(
        rendered or _rendered(), IDENTITY, date=datetime(2026, 11, 20, 9, tzinfo=UTC)
    )
    return frame.compose(_recipient(**changes))


def _parsed(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    content: str = part.get_content()
    return content


def test_subject_and_names_read_back() -> None:
    message = _parsed(_compose())
    assert message["Subject"] == _rendered().subject[0]
    assert message["From"].addresses[0].display_name == IDENTITY.from_name
    assert message["To"].addresses[0].display_name == "佐藤 葵"


def test_both_parts_carry_the_recipient_escaped_where_it_is_html() -> None:
    message = _parsed(_compose())
    assert "佐藤 <葵>さん" in _body(message, "plain")
    assert "佐藤 &lt;葵&gt;さん" in _body(message, "html")


def test_a_reader_of_plain_text_gets_the_text_alone() -> None:
    assert _parsed(_compose(html=False)).get_content_type() == "text/plain"


def test_list_unsubscribe_stands_plain_with_https_and_mailto() -> None:
    raw = _compose()
    assert f"List-Unsubscribe:\r\n <{LONG_URL}>,\r\n <mailto:leave@example.jp?".encode() in raw
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw


@pytest.mark.parametrize("letters", [1, 30, 31, 32, 33, 49, 50, 51, 52, 53])
def test_the_link_to_leave_stands_on_a_line_of_78_octets_where_it_fits_one(letters: int) -> None:
    url = f"https://example.jp/u/{'A' * letters}"
    raw = _compose(unsubscribe_url=url)
    lines = [line for line in raw.split(b"\r\n") if url.encode() in line]
    assert len(lines[0]) <= 78
    assert _parsed(raw)["List-Unsubscribe"].strip().startswith(f"<{url}>, <mailto:")


def test_one_click_is_offered_for_https_alone() -> None:
    raw = _compose(unsubscribe_url="http://127.0.0.1:8000/u/AAAA")
    assert b"List-Unsubscribe: <http://" in raw
    assert b"List-Unsubscribe-Post" not in raw


@given(
    slug=st.from_regex(r"[a-z0-9-]{1,40}", fullmatch=True),
    domain=st.from_regex(r"([a-z0-9-]{1,20}\.){1,5}[a-z]{2,9}", fullmatch=True),
)
def test_feedback_id_has_four_parts_that_differ_and_a_sender_of_5_to_15_letters(
    slug: str, domain: str
) -> None:
    value = feedback_id(mailing="7", newsletter=slug, kind="issue", domain=domain)
    parts = value.split(":")
    assert len(parts) == len(set(parts)) == 4
    assert re.fullmatch("[a-z0-9]{5,15}", parts[3])
    assert value == feedback_id(mailing="7", newsletter=slug, kind="issue", domain=domain)


def test_list_id_and_feedback_id_are_there() -> None:
    message = _parsed(_compose())
    assert message["List-Id"].endswith("<digest.example.jp>")
    assert message["Feedback-ID"] == "7:digest:newsletter:example"


def test_lines_are_short_and_none_begins_with_a_dot() -> None:
    lines = _compose().split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert not any(line.startswith(b".") or b"\n" in line or b"\r" in line for line in lines)


def test_encoded_words_have_at_most_75_characters() -> None:
    words = re.findall(rb"=\?utf-8\?b\?[^?]*\?=", _compose())
    assert len(words) > 3
    assert max(map(len, words)) <= 75


@pytest.mark.parametrize(
    "change",
    [
        {"name": "x\r\nBcc: all@example.jp"},
        {"address": "a@example.jp>, <b@example.jp"},
        {"unsubscribe_url": "https://example.jp/\r\nX: y"},
    ],
)
def test_a_value_cannot_smuggle_in_a_header(change: dict[str, Any]) -> None:
    with pytest.raises(MessageError):
        _compose(**change)


def test_a_subject_may_hold_a_slot() -> None:
    rendered = _rendered(subject=("To ", SlotUse(NAME, escape=False)))
    assert _parsed(_compose(rendered))["Subject"] == "To 佐藤 <葵>"


def test_a_message_id_is_the_same_each_time_and_differs_between_readers() -> None:
    first = delivery_message_id(b"key", 1, "a", 2, 5, "example.jp")
    assert first == delivery_message_id(b"key", 1, "a", 2, 5, "example.jp")
    assert first != delivery_message_id(b"key", 1, "a", 3, 5, "example.jp")


def test_a_message_id_differs_between_two_who_had_the_same_number() -> None:
    first, second = (delivery_message_id(b"key", 1, "a", 2, mark, "example.jp") for mark in (5, 6))
    assert first != second


@given(place=st.integers(0, 23), letter=st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_a_message_id_that_somebody_altered_is_none_of_ours(place: int, letter: str) -> None:
    message_id = delivery_message_id(b"key", 7, "a", 2, 5, "example.jp")
    assert read_delivery_id(b"key", f"<{message_id.upper()}>") == (
        7,
        person_code(b"key", "a", 2, 5),
    )
    letters = message_id[2:26]
    altered = f"{letters[:place]}{letter}{letters[place + 1 :]}"
    found = read_delivery_id(b"key", f"<7.{altered}@example.jp>")
    assert (found is not None) == (altered == letters)
    assert read_delivery_id(b"key", f"<8.{letters}@example.jp>") is None
    assert read_delivery_id(b"another", f"<{message_id}>") is None


def test_two_mailings_that_had_the_same_number_share_no_message_id() -> None:
    first, second = (
        delivery_message_id(b"key", 1, name, 2, 5, "example.jp") for name in ("a", "b")
    )
    assert first != second


_uses = st.builds(SlotUse, slot=st.sampled_from(list(Slot)[:3]), escape=st.booleans())
_segments = st.lists(st.text(max_size=70) | st.sampled_from(["", '="', "#a"]) | _uses, max_size=9)


@given(_segments, st.lists(st.text(max_size=70), min_size=3, max_size=3))
def test_a_body_of_any_segments_and_slots_reads_back(segments: list[Any], texts: list[str]) -> None:
    slotted: SlottedText = tuple(segments)
    values: dict[str, str] = dict(zip(list(Slot)[:3], texts, strict=True))
    out: list[bytes] = []
    Base64Body(slotted).append_to(out, values)
    encoded = b"".join(out)
    wanted = "".join(
        _as_sent(part)
        if isinstance(part, str)
        else (_escaped(values[part.slot]) if part.escape else values[part.slot])
        for part in segments
    )
    assert base64.b64decode(encoded) == wanted.encode()
    assert all(len(line) <= 76 for line in encoded.split(b"\r\n"))


def _as_sent(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\n", "\r\n")


def _escaped(text: str) -> str:
    return escape(text)


@given(
    st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\u2028\u2029\x85"))
)
def test_any_subject_reads_back(subject: str) -> None:
    raw = _compose(_rendered(subject=(subject,)))
    head = raw.split(b"Subject: ")[1].split(b"\r\nContent-Type")[0]
    words = re.findall(rb"=\?utf-8\?b\?([^?]*)\?=", head)
    read = b"".join(map(base64.b64decode, words)) if words else head
    assert read.decode() == subject
