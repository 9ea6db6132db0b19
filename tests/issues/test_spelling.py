"""Slips of the pen in Japanese: what is told, and what is right and is not."""

from __future__ import annotations

import pytest

from newsletter.issues.checks.spelling import check_spelling
from newsletter.issues.markdown.reader import read_markdown


def _codes(words: str) -> list[str]:
    issue, _ = read_markdown(f"---\ntitle: 号\ndate: 2027-01-05\n---\n\n{words}\n", source="text")
    return [finding.code for finding in check_spelling(issue)]


@pytest.mark.parametrize(
    "words",
    [
        "X社と共同で実します。",
        "事業を施設で展します。",
        "町が導する予定です。",
        "会場を準しました。",
    ],
)
def test_a_noun_that_lost_a_letter_is_told(words: str) -> None:
    assert _codes(words) == ["spelling-lost"]


@pytest.mark.parametrize(
    "words",
    [
        "実施します。展開する予定です。導入しました。",
        "愛する町に関する質問に対しては、係が接します。",
        "資料を示します。席を移しました。返しません。渡しました。",
        "会を催します。費用を要する場合があります。",
        "データを削除しますか。メールします。コピーしました。",
        "3を足します。A社を訳します。",
        "人々のの暮らし。母の日。ははは。とと。もも。",
        "サーバーとサーバー室。",
    ],
)
def test_what_is_right_is_not_told(words: str) -> None:
    assert _codes(words) == []


def test_a_particle_twice_and_two_spellings_of_a_word_are_told() -> None:
    assert _codes("結果をを公表します。") == ["spelling-particle"]
    assert _codes("市がが対応します。") == ["spelling-particle"]
    assert _codes("お申込みは、申し込みフォームへ。") == ["spelling-two"]
    assert _codes("サーバの更新とサーバー室の移転。") == ["spelling-two"]
    assert _codes("お問合せは係へ。お問い合わせは係へ。") == ["spelling-two"]
