"""Preflight of markup: signs that would reach readers as they stand are named with their line."""

from __future__ import annotations

import pytest

from newsletter.errors import ContentError
from newsletter.issues.checks.content import check_issue
from newsletter.issues.checks.lines import find_lines
from newsletter.issues.plain_text import block_text
from newsletter.issues.sources.reading import read_issue

HEAD = """---
title: 題
date: 2026-11-20
preheader: 秋の催しと図書館の新しい窓口をお知らせします。
---
"""


def _found(body: str) -> list[tuple[str, str, int]]:
    return [(code, about, first) for code, about, (first, _), _ in _ranges(body)]


def _ranges(body: str) -> list[tuple[str, str, tuple[int, int], str]]:
    read = read_issue((HEAD + "\n# 章\n\n" + body + "\n").encode(), source="x")
    return [
        (finding.code, finding.about, find_lines(read.text, finding), str(finding.message))
        for finding in check_issue(read.issue)
    ]


@pytest.mark.parametrize(
    ("code", "signs"),
    [
        ("placeholder", "{{ user.first_name }}"),
        ("placeholder", "*|FNAME|*"),
        ("placeholder", "%%first name%%"),
        ("placeholder", "[[お名前]]"),
        ("placeholder", "[[防災の手引き#備え]]"),
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
        ("reference-unresolved", "![][image1]"),
        ("url-cut", "https://example.jp/"),
        ("mark-literal", "＊＊"),
        ("mark-literal", "'''太字'''"),
        ("mark-literal", "~~"),
        ("placeholder", "%recipient.name%"),
        ("placeholder", "{$name}"),
        ("placeholder", "{FIRST_NAME|there}"),
        ("placeholder", '[gallery ids="1,2"]'),
        ("placeholder", "[/caption]"),
        ("link-broken", "www.example.jp"),
        ("link-broken", "www.city.example.jp/a?b=1"),
        ("link-broken", "[申込](URL)"),
        ("link-broken", "[会場](未定)"),
        ("link-broken", "[i](x)"),
        ("link-broken", "［市のサイト］（https://example.jp/）"),
        ("link-broken", "[https://example.jp/a 市のサイト]"),
        ("link-broken", "[市のサイト|https://example.jp/a]"),
        ("link-broken", "[[市のサイト>https://example.jp/a]]"),
        ("link-broken", "https://example.jp/a[市のサイト]"),
        ("link-broken", "tel:042-000-0000"),
        ("placeholder", "[gallery]"),
        ("mark-literal", "{/* 公開しない */}"),
        ("mark-literal", "<@U123ABC>"),
        ("mark-literal", "[@tanaka2020, p. 3]"),
        ("reference-unresolved", "[^long note]"),
        ("mark-literal", "\\sum"),
        ("mark-literal", "\\leq"),
        ("html-literal", "<![CDATA["),
        ("mark-literal", "{width=200}"),
        ("mark-literal", "{:toc}"),
        ("mark-literal", ":+1:"),
        ("mark-literal", "==重要=="),
        ("mark-literal", "++追加++"),
        ("mark-literal", "{.button target=_blank}"),
        ("mark-literal", "$E=mc^2$"),
        ("mark-literal", "~2~"),
        ("mark-literal", "^2^"),
        ("mark-literal", ":tada:"),
    ],
)
def test_signs_that_readers_would_see_are_named_with_their_line(code: str, signs: str) -> None:
    behind = {"url-cut": "日本語"}.get(code, " です")
    before = "CO" if signs in {"~2~", "^2^"} else " "
    assert (code, signs, 10) in _found(f"一行目\n二行目{before}{signs}{behind}")


@pytest.mark.parametrize(
    ("typed", "signs"),
    [
        ("a*b*c is a product", "a*b*c"),
        ("Leser*innen und Autor*innen", "Leser*innen"),
        ("Ab_3*x_9*z は不可", "3*x_9*z"),
        ("年額[*]は据置き、「*」軽減あり", "[*]"),
        ("*.tmp and ~$*.docx are deleted", "*.tmp"),
        ('"__init__" と "__pycache__" です', "__init__"),
        ("件名は「_パブコメ_国保_氏名」とする", "_パブコメ_国保_氏名"),
        ("*は必須です。 氏名*　住所*　電話", "名*"),
        ("a path such as srv/www/_new_/", "_new_/"),
        ("大人*1と子ども*2は無料", "人*1"),
        ("参加費*と材料費*は当日払い*です", "費*と"),
        ("保険料*や傘*は、会費*と資料代*に含む", "料*や"),
        ("会場は市民ホール*です。駐車場*あり。定員*は50名", "場*あ"),
        ("18歳以上*（学生*を除く）", "上*（"),
        ("大人*と子ども*は無料（*は要予約）です", "も*は"),
        ('the signs "*" and "*"', '"*"'),
    ],
)
def test_signs_that_vanish_though_they_were_no_emphasis_are_named(typed: str, signs: str) -> None:
    assert ("mark-swallowed", signs, 10) in _found(f"一行目\n二行目 {typed}")


@pytest.mark.parametrize(
    "typed",
    [
        "これは*重要*です",
        "（*重要*）なこと",
        "*This is it.* And (*this*, too).",
        "「_題名_」は 「*題*」",
        "un*der* und *ab*gesagt",
        "*第1回* 3*回* です",
        "*and*/*or*",
        "*※要予約* 必ず*“ご予約”ください*",
        "今年*やさしい日本語*の講座と、子ども*と一緒に*の会",
        "*強調*と2*3と10 * 4",
        "*急募！スタッフ* 時給 *$15*。",
        "*(sic)* und *Dr. No*: *…weiter*",
        "*無料* です（*要予約*、*先着順*）",
    ],
)
def test_emphasis_that_is_meant_is_left_alone(typed: str) -> None:
    assert _found(f"一行目\n二行目 {typed}") == []


@pytest.mark.parametrize(
    "typed", ["これは_斜体_です", "これは_sparse_です", "第1回_議事録_最終.pdf"]
)
def test_underscores_within_a_japanese_word_are_named(typed: str) -> None:
    signs = "_" + typed.split("_")[1] + "_"
    found = _ranges(f"一行目\n二行目{typed}")
    assert [(code, about, first) for code, about, (first, _), _ in found] == [
        ("underscores", signs, 10)
    ]


@pytest.mark.parametrize(
    "typed",
    [
        "snake_case_name",
        "a_b_",
        "_前_だけ",
        "これは_一つ",
        "*傍点*と_印 _",
        "C:\\taro_y\\a と \\\\fs\\総務_部",
    ],
)
def test_other_underscores_are_left_alone(typed: str) -> None:
    assert _found(f"一行目\n二行目 {typed}") == []


def test_a_link_to_a_japanese_host_that_ends_before_more_of_it_is_named() -> None:
    found = _found("一行目\nhttps://例え.jp/日本語")
    assert found == [("url-cut", "https://例え.jp/", 10)]
    assert _found("一行目\n<https://例え.jp/日本語>") == []


@pytest.mark.parametrize("rest", ["신청?반=초급", "ข่าว"])
def test_a_link_that_ends_before_letters_of_other_scripts_without_blanks_is_named(
    rest: str,
) -> None:
    assert _found(f"一行目\nhttps://e.example/ko/{rest}") == [
        ("url-cut", "https://e.example/ko/", 10)
    ]


def test_a_particle_behind_a_korean_address_is_none_of_it() -> None:
    assert _found("一行目\nhttps://e.example/ko/에서 신청") == []


@pytest.mark.parametrize("line", ["== 見出し ==", "=== Heading", "h2. 見出し"])
def test_a_heading_of_a_wiki_is_hinted_at(line: str) -> None:
    assert _found(f"一行目\n\n{line}") == [("heading-sign", line, 11)]


@pytest.mark.parametrize(
    "fields", ["title: 二つ目\ndraft: true", "date: 2026-12-01\ntags:\n  - 防災\n  - 訓練"]
)
def test_a_front_matter_in_the_middle_of_the_text_is_named(fields: str) -> None:
    first = fields.partition("\n")[0]
    assert ("front-matter-literal", first, 12) in _found(f"一行目\n\n---\n{fields}\n---\n\n続き")


@pytest.mark.parametrize(
    "typed",
    [
        "［申込］（電話でも可）",
        "date: 2026-12-01\nplace: 市民会館",
        "title: 一行だけ",
        "C:\\text と \\\\fs\\left",
        "[^ ^]",
        "[https://example.jp/a]",
        "https://example.jp/a [1] と [PDF]",
        "Tel:042-000-0000 と [電話](tel:042-000-0000) と [tel:042-000-0000](tel:0420000000)",
        "[会場|ホール] と [@ホール] と a == b",
        "==========",
    ],
)
def test_what_only_resembles_such_signs_is_left_alone(typed: str) -> None:
    assert _found(f"一行目\n\n{typed}") == []


def test_numbers_out_of_order_are_named() -> None:
    assert _found("文\n\n3. 三\n1. 一の行\n2. 二") == [("list-numbers", "一の行", 12)]
    assert _found("文\n\n2. [ ] 二\n1. [x] 一の行") == [("list-numbers", "一の行", 12)]
    assert _found("文\n\n1. 一\n1. 二\n\n文\n\n3. 三") == []


@pytest.mark.parametrize(
    "lines",
    [
        ("| 日 | 内容 |", "| 3日 | |"),
        ("｜日｜内容｜", "｜３日｜開会｜"),
        ("+---+---+",),
        ("├──┼──┤",),
    ],
)
def test_lines_that_were_to_be_a_table_are_named(lines: tuple[str, ...]) -> None:
    found = [one for one in _found("一行目\n" + "\n".join(lines)) if one[0] == "table-literal"]
    assert found == [("table-literal", lines[0], 10)]


@pytest.mark.parametrize(
    "line",
    [
        "[^1]: 使わない注",
        "[a]: https://e.example/",
        "[//]: # (隠した注)",
        "[comment]: <> (hidden)",
        '[//]: # "hidden"',
    ],
)
def test_a_definition_that_nothing_refers_to_is_named(line: str) -> None:
    signs = line.partition(" ")[0]
    assert _found(f"一行目\n\n{line}") == [("reference-unresolved", signs, 11)]


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
        "＊＊＊＊ お知らせ ＊＊＊＊",
        "[x] [注] {a, b} 100%.5%",
        "a == b、C++とG++、5$と6$、($10 off)、== と ++",
        "<https://example.jp/a?q=%E5%B8%82>",
        "コマンドは git clone <URL> です",
        "\\<ファイル名> と &lt;tag&gt;",
        "10:30~12:00~14:00、9~12時~、(^_^)、A~Z、x^2",
        "(^_^) (^o^)／ (@_@) {^o^} <(o_o)> <(_ _)> m(_ _)m (=^・^=)",
        "受付:午前:午後、12:ab:34、a:b:c、例:yes: no",
        "2*3*4=24、5*3 und 6*2",
        "~~~~~~~~~~~~",
        "~~~ 次回のお知らせ ~~~",
        "[注]: 雨天中止",
        "疲れた_(┐「ε:)_です",
        "価格は$5と$6、《書名》｜著者、{甲}と{乙}、区分:a:です=b=c",
    ],
)
def test_signs_that_are_meant_are_left_alone(line: str) -> None:
    assert _found(line) == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("これは==重要==です", "mark-literal"),
        ("これは++追加++です", "mark-literal"),
        ("開催:tada:します", "mark-literal"),
        ("変数$x$と面積$x^2$です", "mark-literal"),
        ("$$\nx = y\n$$", "mark-literal"),
        ("\\textbf{太字}", "mark-literal"),
        ("> [!my-note] 題\n> 文", "mark-literal"),
        ("｜青梅《おうめ》へ", "mark-literal"),
        ("{青梅|おうめ}へ", "mark-literal"),
        ("調べです【4†source】。", "mark-literal"),
        (".. note::\n\n   文", "mark-literal"),
        ('[contact-form-7 id="12" title="お問合せ"]', "placeholder"),
        ("<![if !supportLists]>・<![endif]>項目", "html-literal"),
    ],
)
def test_signs_of_another_dialect_beside_japanese_are_named(body: str, code: str) -> None:
    assert code in {found for found, _, _ in _found(body)}


def test_a_pasted_picture_is_refused_with_what_to_do_instead() -> None:
    with pytest.raises(ContentError, match="pasted into the text") as refused:
        _found("文\n\n![図](data:image/png;base64,iVBORw0KGgo=)")
    assert "Save it as a file" in str(refused.value.remedy)


@pytest.mark.parametrize(
    "line", ["[!NOTE]", "!!! note", "[TOC]", "*[HTML]: Hyper Text", ": その説明"]
)
def test_a_line_of_another_kind_of_markdown_is_named(line: str) -> None:
    body = f"> {line}\n> 文" if line.startswith("[!") else f"用語\n{line}\n"
    assert [code for code, _, _ in _found(body)] == ["mark-literal"]


@pytest.mark.parametrize(
    ("text", "severities"),
    [
        ("&lt;select&gt; 要素を使います", ["hint"]),
        ("\\<b> は使いません", ["hint"]),
        ("<b>重要</b>", ["warning"]),
        ("&lt;a href='x'> です", ["warning"]),
        ("</div>", ["warning"]),
    ],
)
def test_a_tag_that_text_speaks_of_is_a_hint(text: str, severities: list[str]) -> None:
    read = read_issue((HEAD + "\n# 章\n\n" + text + "\n").encode(), source="x")
    found = [one for one in check_issue(read.issue) if one.code == "html-literal"]
    assert [one.severity.value for one in found] == severities


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


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        pytest.param("**太字**です。\n二行目 ** です", (10, 10), id="behind a pair"),
        pytest.param("a ** b\n**太字**です\nc ** d", (9, 11), id="on both sides of a pair"),
        pytest.param(
            "[資料](https://e.jp/a)と**太字**\n[資料](https://e.jp/b)の ** 点", (10, 10), id="links"
        ),
        pytest.param("`**`は記号\n二行目 ** です", (10, 10), id="behind code"),
        pytest.param("\\** 印\n\n- 一 ** 点", (9, 11), id="in a list"),
    ],
)
def test_a_mark_without_partner_is_named_with_its_own_line(
    body: str, lines: tuple[int, int]
) -> None:
    (found,) = [one for one in _ranges(body) if one[0] == "mark-literal"]
    assert found[2] == lines


def test_what_is_pasted_from_word_is_one_finding_a_part_with_its_lines_and_count() -> None:
    paragraph = (
        "<p class=MsoNormal style='margin-left:21.0pt'><span\nlang=EN-US>10</span>時<o:p></o:p></p>"
    )
    body = f"前文\n{paragraph}\n中\n{paragraph}\n\n### 項目\n\n<b>後</b>\n"
    found = [one for one in _ranges(body) if one[0] == "html-literal"]
    assert [(lines, message[-40:].rpartition("(")[2]) for _, _, lines, message in found] == [
        ((10, 14), "12 times)"),
        ((18, 18), "2 times)"),
    ]


def test_the_same_field_in_two_parts_is_named_in_both() -> None:
    body = "{{name}}様\n\n### 項目\n\n{{name}}様へ\n"
    assert [line for code, _, line in _found(body) if code == "placeholder"] == [9, 13]


def test_a_field_is_counted_once_whatever_signs_it_has() -> None:
    (found,) = [one for one in _ranges("{{name}}様、${city}") if one[0] == "placeholder"]
    assert found[3].endswith("{{name}}, ${city} (2 times)")
