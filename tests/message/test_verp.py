"""Return paths can be read back, even if a mail server changes their case."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import MessageError
from newsletter.message.identifiers import (
    claims_delivery,
    read_return_path,
    return_path,
    without_return_paths,
)
from newsletter.tokens import DeliveryRef, Purpose, TokenSigner

SIGNER = TokenSigner([b"k" * 32])
REF = DeliveryRef(
    newsletter_id=3,
    mailing_id=1204,
    subscriber_id=987_654,
    subscriber_mark=2_000_001,
    mailing_mark=15_000,
)
PATH = return_path(SIGNER, "bounces@example.jp", REF)

REFS = st.builds(
    DeliveryRef,
    newsletter_id=st.integers(0, 2**21 - 1),
    mailing_id=st.integers(0, 2**28 - 1),
    subscriber_id=st.integers(0, 2**42 - 1),
    subscriber_mark=st.integers(0, 2**21 - 1),
    mailing_mark=st.integers(0, 2**14 - 1),
)


@given(ref=REFS)
def test_what_is_written_is_read_back(ref: DeliveryRef) -> None:
    path = return_path(SIGNER, "elevenchars@example.jp", ref)
    assert read_return_path(SIGNER, path) == ref
    assert len(path.rpartition("@")[0]) <= 64


@given(ref=REFS, data=st.data())
def test_the_case_of_its_letters_does_not_matter(ref: DeliveryRef, data: st.DataObject) -> None:
    path = return_path(SIGNER, "bounces@example.jp", ref)
    upper = data.draw(st.lists(st.booleans(), min_size=len(path), max_size=len(path)))
    mixed = "".join(
        letter.upper() if up else letter for letter, up in zip(path, upper, strict=True)
    )
    assert read_return_path(SIGNER, mixed) == ref


@given(position=st.integers(0, 40), letter=st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_a_changed_letter_never_names_another_delivery(position: int, letter: str) -> None:
    at = PATH.index("+") + 1 + position % (PATH.index("@") - PATH.index("+") - 1)
    forged = PATH[:at] + letter + PATH[at + 1 :]
    assert read_return_path(SIGNER, forged) in {REF, None}
    assert claims_delivery(forged)


@given(address=st.text(max_size=120))
def test_any_text_is_answered(address: str) -> None:
    assert read_return_path(SIGNER, address) is None


def test_a_return_path_of_another_installation_is_forged() -> None:
    foreign = return_path(TokenSigner([b"x" * 32]), "bounces@example.jp", REF)
    assert read_return_path(SIGNER, foreign) is None
    assert claims_delivery(foreign)


def test_the_plain_bounce_address_names_no_delivery() -> None:
    assert read_return_path(SIGNER, "bounces@example.jp") is None
    assert not claims_delivery("bounces+reader=example.com@example.jp")


def test_a_token_for_leaving_is_no_return_path() -> None:
    token = SIGNER.sign_delivery(Purpose.UNSUBSCRIBE, REF)
    assert read_return_path(SIGNER, f"bounces+{token}@example.jp") is None


def test_an_old_key_still_reads() -> None:
    rotated = TokenSigner([b"n" * 32, b"k" * 32])
    assert read_return_path(rotated, PATH) == REF


def test_a_bounce_address_too_long_is_refused_with_a_remedy() -> None:
    with pytest.raises(MessageError, match="eleven characters"):
        return_path(SIGNER, "a-very-long-bounce-address-of-ours@example.jp", REF)


def test_a_path_of_before_there_were_marks_still_reads() -> None:
    old = "bounces+aecqhnajq2sdyncu4b27mx5emvghdbjyox6xgey@example.jp"
    ref = DeliveryRef(newsletter_id=3, mailing_id=1204, subscriber_id=987_654)
    assert read_return_path(SIGNER, old) == ref
    assert without_return_paths(f"<{old}>") == "<bounces+[…]@example.jp>"


def test_a_path_is_withheld_from_what_is_shown() -> None:
    assert without_return_paths(f"<{PATH}>") == "<bounces+[…]@example.jp>"


def test_a_prefix_by_which_a_gateway_tags_it_is_passed_over() -> None:
    assert read_return_path(SIGNER, f"prvs=1234abcdef={PATH}") == REF
