"""Why a delivery is in its state: a relay's words as they are, ours in the reader's language."""

from __future__ import annotations

import re

import pytest

from newsletter.i18n.language import Language
from newsletter.mailings.ledger.outcomes import OwnReason, own_reply, worded_reply

_JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")


@pytest.mark.parametrize("reason", list(OwnReason))
def test_each_reason_of_ours_is_worded_in_the_language_of_its_reader(reason: OwnReason) -> None:
    shown = worded_reply(own_reply(reason))

    assert _JAPANESE.search(shown.in_language(Language.JAPANESE))
    assert not _JAPANESE.search(shown.in_language(Language.ENGLISH))
    assert reason not in shown.in_language(Language.ENGLISH)


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "550 5.1.1 no such user",
        "[unknown-code] {values}",
        "[ not ours ]",
        "{0.__class__}",
        "[]",
    ],
)
def test_what_a_relay_said_is_shown_as_it_is(reply: str) -> None:
    assert [worded_reply(reply).in_language(each) for each in Language] == [reply] * len(Language)


def test_a_reason_keeps_what_the_relay_said_before() -> None:
    broke = own_reply(OwnReason.CONNECTION_BROKE, "451 4.3.0 {busy}\r\nagain")
    kept = own_reply(OwnReason.TAKEN_AS_ARRIVED, broke)

    shown = worded_reply(kept).in_language(Language.JAPANESE)

    assert "451 4.3.0 {busy}\r\nagain" in shown
    assert "[" not in shown
