"""Signed links."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import TokenError
from newsletter.message.identifiers import delivery_message_id
from newsletter.tokens import (
    DeliveryRef,
    KeyedHash,
    Purpose,
    TokenSigner,
    mark_of,
    mark_of_mailing,
)

OLD, NEW = b"o" * 32, b"n" * 32
numbers = st.integers(min_value=0, max_value=2**63 - 1)


_REFS = st.builds(
    DeliveryRef,
    newsletter_id=numbers,
    mailing_id=numbers,
    subscriber_id=numbers,
    subscriber_mark=st.integers(0, 2**21 - 1),
    mailing_mark=st.integers(0, 2**14 - 1),
)
_REFS_OF_BEFORE = st.builds(
    DeliveryRef, newsletter_id=numbers, mailing_id=numbers, subscriber_id=numbers
)


@given(_REFS | _REFS_OF_BEFORE)
def test_a_delivery_reads_back_from_its_token(ref: DeliveryRef) -> None:
    signer = TokenSigner([NEW])
    token = signer.sign_delivery(Purpose.UNSUBSCRIBE, ref)
    assert signer.read_delivery(Purpose.UNSUBSCRIBE, token) == ref


def test_a_mark_is_of_the_instant_in_whatever_zone() -> None:
    moment = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
    assert mark_of(moment) == mark_of(moment.astimezone(ZoneInfo("Asia/Tokyo")))


def test_marks_of_a_thousand_instants_are_as_good_as_all_different() -> None:
    """Of a thousand pairs of two million values, half a pair is expected to meet."""
    first = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
    moments = [first + timedelta(microseconds=number) for number in range(1000)]
    assert len({mark_of(first, moment) for moment in moments}) > 990
    assert len({mark_of_mailing(uuid4().hex) for _ in range(100)}) > 90


def test_a_token_signed_with_a_retired_key_still_reads() -> None:
    token = TokenSigner([OLD]).sign(Purpose.UNSUBSCRIBE, 1, 2, 3)
    assert TokenSigner([NEW, OLD]).read(Purpose.UNSUBSCRIBE, token) == (1, 2, 3)


def test_a_token_of_an_unknown_key_is_refused() -> None:
    token = TokenSigner([OLD]).sign(Purpose.UNSUBSCRIBE, 1, 2, 3)
    with pytest.raises(TokenError):
        TokenSigner([NEW]).read(Purpose.UNSUBSCRIBE, token)


def test_a_token_for_one_purpose_is_refused_for_another() -> None:
    signer = TokenSigner([NEW])
    with pytest.raises(TokenError, match="a different purpose"):
        signer.read(Purpose.PREFERENCES, signer.sign(Purpose.UNSUBSCRIBE, 1, 2, 3))


@pytest.mark.parametrize(
    "behind", [".", "。", ">", ")", "）", " ", "\r\n", "=3D", "&gt;", "」です"]
)
def test_what_a_mail_program_takes_into_the_link_does_not_damage_it(behind: str) -> None:
    signer = TokenSigner([NEW])
    token = signer.sign(Purpose.UNSUBSCRIBE, 1, 2, 3)
    assert signer.read(Purpose.UNSUBSCRIBE, token + behind) == (1, 2, 3)


@given(st.text(max_size=80))
def test_foreign_text_is_refused_as_a_token(text: str) -> None:
    with pytest.raises(TokenError):
        TokenSigner([NEW]).read(Purpose.UNSUBSCRIBE, text)


@given(st.integers(min_value=0, max_value=25), st.integers(min_value=0, max_value=255))
def test_a_changed_octet_is_noticed(position: int, octet: int) -> None:
    signer = TokenSigner([NEW])
    token = signer.sign(Purpose.UNSUBSCRIBE, 1, 2, 3)
    changed = token[:position] + chr(ord("A") + octet % 26) + token[position + 1 :]
    if changed != token:
        with pytest.raises(TokenError):
            signer.read(Purpose.UNSUBSCRIBE, changed)


@given(st.binary(max_size=200) | st.binary(min_size=64, max_size=64), st.binary(max_size=300))
def test_a_keyed_hash_is_hmac_sha256(key: bytes, octets: bytes) -> None:
    assert KeyedHash(key).digest(octets) == hmac.digest(key, octets, "sha256")


_SIGNED_LONG_AGO = {
    Purpose.UNSUBSCRIBE: "AQEDjQE7nzu5NGu6me_Br2K2QkIbLQ",
    Purpose.PREFERENCES: "AQIDjQE7ATOycxpxKzQAV141e24Olg",
    Purpose.CONFIRM: "AQMDjQE7TvMBTMa6khpGSzDgjwn08A",
    Purpose.VIEW: "AQQDjQE7gWXSsdvr-0j10oOERRCF7Q",
    Purpose.FORMER_RETURN_PATH: "AQUDjQE76c8vVZfI7Fu3Hleq1yeTeQ",
    Purpose.CLICK: "AQYDjQE7eekH0Dx-V1M4gJVr9icKBA",
    Purpose.ACCOUNT: "AQcDjQE7dZV03_oS-jdujEq5bDGAVg",
    Purpose.RETURN_PATH: "AQgDjQE7myCKqpOlQ5fSXJuB",
    Purpose.FORM: "AQkDjQE78nYl4Eq_aNPLteOVDESbvg",
    Purpose.ADDRESS_CHANGE: "AQoDjQE7fFY_MSSUNVlrHgxl6yIj0g",
    Purpose.ADDRESS_CHANGE_UNDO: "AQsDjQE7tygi4ZZvUC_7G3lf7maPiA",
}


@pytest.mark.parametrize("purpose", Purpose)
def test_links_that_were_signed_long_ago_are_read_and_keep_their_form(purpose: Purpose) -> None:
    """They stand in mails that people have kept."""
    signer = TokenSigner([OLD])
    assert signer.read(purpose, _SIGNED_LONG_AGO[purpose]) == (3, 141, 59)
    assert signer.sign(purpose, 3, 141, 59) == _SIGNED_LONG_AGO[purpose]


def test_message_ids_that_were_sent_long_ago_keep_their_form() -> None:
    found = delivery_message_id(b"k" * 80, 7, "7", 123_456, 654_321, "example.jp")
    assert found == "7.tm3qduwqfzopfuigukbqafjm@example.jp"


def test_keys_for_other_uses_differ_by_key_and_use() -> None:
    first, second = TokenSigner([OLD]), TokenSigner([NEW, OLD])
    assert second.keys_for("a")[1:] == first.keys_for("a")
    assert len({*second.keys_for("a"), *second.keys_for("b")}) == 4
