"""A text that is too long for its place ends where its reader would pause."""

from __future__ import annotations

import pytest

from newsletter.issues.plain_text import shortened


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("短い文です。", "短い文です。"),
        ("窓口は年末に休みます。お早めに手続きをお願いします。", "窓口は年末に休みます。"),
        ("年末の窓口の受付時間の変更に関するお知らせです。", "年末の窓口の受付時間の…"),
        ("十二月、一月、二月、三月、四月、五月の予定。", "十二月、一月、二月、三月…"),
        ("市役所からの「大切な年末年始のお知らせ」です。", "市役所からの「大切な…"),
        ("The office closes early", "The office…"),
        ("あ。今年の税の申告の相談会場の所在地をご案内します。", "あ。今年の税の申告の…"),
        ("参加費は1,000,000,000円", "参加費は…"),
        ("家族家族家族家族家族👨‍👩‍👧の日です。", "家族家族家族家族家族…"),
    ],
)
def test_a_long_text_ends_at_a_sentence_or_phrase(words: str, expected: str) -> None:
    assert shortened(words, 14) == expected
    assert len(expected) <= 14
