"""Preflight of markup: signs that would reach readers as they stand are named with their line."""

from __future__ import annotations

import pytest

from newsletter.issues.checks import check_issue
from newsletter.issues.lines import find_line
from newsletter.issues.plain import block_text
from newsletter.issues.sources import read_issue

HEAD = """---
title: 題
date: 2026-11-20
preheader: 秋の催しと図書館の新しい窓口をお知らせします。
---
"""


def _found(body: str) -> list[tuple[str, str, int]]:
    read = read_issue((HEAD + "\n# 章\n\n" + body + "\n").encode(), source="x")
    return [
        (finding.code, finding.about, find_line(read.text, finding.place, about=finding.about))
        for finding in check_issue(read.issue)
    ]


@pytest.mark.parametrize(
    ("code", "signs"),
    [
        ("placeholder", "{{ user.first_name }}"),
        ("placeholder", "*|FNAME|*"),
        ("placeholder", "%%first name%%"),
        ("placeholder", "[[お名前]]"),
        ("placeholder", "##NAME##"),
        ("placeholder", "<%= name %>"),
        ("placeholder", "%name%"),
        ("placeholder", "${name}"),
        ("placeholder", "#{name}"),
        ("placeholder", "{first_name}"),
        ("placeholder", "[FIRST_NAME]"),
        ("placeholder", "{% if vip %}"),
        ("html-literal", "<u>"),
        ("html-literal", '<font color="red">'),
        ("html-literal", "</o:p>"),
        ("link-broken", "[こちら]（https://example.jp/）"),
        ("link-broken", "[here] (https://example.jp/)"),
        ("reference-unresolved", "[^3]"),
        ("reference-unresolved", "[words][ref]"),
        ("url-cut", "https://example.jp/"),
        ("mark-literal", "＊＊"),
        ("mark-literal", "~~"),
        ("placeholder", "%recipient.name%"),
        ("placeholder", "{$name}"),
        ("placeholder", "{FIRST_NAME|there}"),
        ("placeholder", '[gallery ids="1,2"]'),
        ("placeholder", "[/caption]"),
        ("link-broken", "www.example.jp"),
        ("link-broken", "www.city.example.jp/a?b=1"),
        ("mark-swallowed", "5*3"),
    ],
)
def test_signs_that_readers_would_see_are_named_with_their_line(code: str, signs: str) -> None:
    behind = {"url-cut": "日本語", "mark-swallowed": "=15、6*2=12"}.get(code, " です")
    assert (code, signs, 10) in _found(f"一行目\n二行目 {signs}{behind}")


@pytest.mark.parametrize("line", ["###見出し", "＃ 見出し", "##Heading", "#見出し"])
def test_a_line_that_was_to_be_a_heading_is_named(line: str) -> None:
    assert ("heading-sign", line, 10) in _found(f"一行目\n{line}")


@pytest.mark.parametrize(
    "line",
    [
        "10%オフ、20%OFF、50%です",
        "1~3月、10~20円",
        "「例」（注）《書名》【重要】",
        "a < b > c、1 << 2、f(x)",
        "[PDF] 資料 [1]",
        "#1 の話、C# と F#",
        "`{{name}}` と `<b>`",
        "https://example.jp/a をご覧ください",
        "**太字**、~~旧~~ 新、snake_case",
        "|A|と|B|",
        "詳しくはhttps://example.jp/をご覧ください。https://example.jp/a/から申し込めます。",
        "[www.example.jp](https://www.example.jp/)、https://www.example.jp/b、`www.example.jp`",
        "*強調*と2*3と10 * 4",
        "＊＊＊＊＊＊＊＊",
        "~~~~~ ~~~~~",
        "[x] [注] {a, b} 100%.5%",
    ],
)
def test_signs_that_are_meant_are_left_alone(line: str) -> None:
    assert _found(line) == []


def test_fields_within_addresses_are_named() -> None:
    assert ("placeholder", "{{id}}", 9) in [
        (code, signs, 9) for code, signs, _ in _found("[x](<https://example.jp/?u={{id}}>)")
    ]


def test_wrapped_prose_is_named_and_joined_by_one_click() -> None:
    lines = [
        "This paragraph was wrapped at seventy-two columns by its editor, as",
        "people who write in a terminal do, and what the reader sees is ragged",
        "on a telephone.",
    ]
    issue = read_issue((HEAD + "\n".join(lines)).encode(), source="x").issue
    finding = next(one for one in check_issue(issue) if one.code == "lines-wrapped")

    assert finding.fix is not None
    assert block_text(finding.fix(issue).lead[0]) == " ".join(lines)


def test_lines_of_a_poster_are_lines() -> None:
    assert _found("日時: 11月3日\n場所: 公民館\n定員: 20名") == []
