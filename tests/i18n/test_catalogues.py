"""Every word that source and templates hold has its translation in every catalogue."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Message as BabelMessage
from babel.messages.pofile import read_po
from markupsafe import Markup

from newsletter.cli.catalogues import KEYWORDS, problems, update, words_of_module
from newsletter.errors import SignInError
from newsletter.i18n.catalogue import FOLDER, SOURCE_LANGUAGE, Words
from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message, msg, nmsg
from newsletter.issues.checks.japanese import read_japanese

JAPANESE = FOLDER / "ja.po"


def test_every_language_but_the_source_s_has_a_catalogue() -> None:
    assert {path.stem for path in FOLDER.glob("*.po")} == set(Language) - {SOURCE_LANGUAGE}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.po")), ids=lambda path: path.stem)
def test_no_word_is_missing_unused_unsure_or_has_other_placeholders(path: Path) -> None:
    assert problems(path) == []


#: What stands in Japanese as it is, with its narrow signs.
_QUOTED = re.compile(r":::|Yahoo!|<[^>]*>|https?://\S+")
_NARROW_SIGN = re.compile(r"[ぁ-ヿ一-鿿」』）}] ?[:;!?,](?!\d)|[:;!?,] ?[ぁ-ヿ一-鿿「『（]")


def test_japanese_has_the_signs_of_japanese() -> None:
    with JAPANESE.open("rb") as file:
        catalogue = read_po(file)
    said = [
        str(words)
        for message in catalogue
        # What is typed in Markdown has the signs of Markdown.
        if message.id and message.context != "markdown"
        for words in (message.string if isinstance(message.string, tuple) else [message.string])
    ]
    assert [words for words in said if _NARROW_SIGN.search(_QUOTED.sub("", words))] == []


def test_a_word_without_translation_an_unsure_one_and_one_with_another_gap_are_named(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ja.po"
    text = JAPANESE.read_text(encoding="utf-8")
    text = text.replace('msgstr "承認する"', 'msgstr ""')
    text = text.replace('msgid "Audit log"', '#, fuzzy\nmsgid "Audit log"')
    text = text.replace('msgstr "{person}さんが差し戻し"', 'msgstr "{who}さんが差し戻し"')
    text += '\nmsgid "Nobody says this"\nmsgstr "誰も言いません"\n'
    path.write_text(text, encoding="utf-8")
    made = Counter(problems(path)) - Counter(problems(JAPANESE))
    assert sorted(each.partition(":")[0] for each in made.elements()) == [
        "marked as unsure (fuzzy)",
        "not translated",
        "other placeholders than in English",
        "unused, run make words",
    ]


def test_words_within_formatted_strings_are_words_too() -> None:
    source = BytesIO(
        b"""print(f"[b]{_('ready')}[/] {name}: {ngettext('{count} row', '{count} rows', n)}")"""
    )
    found = [(name, words) for _, name, words, _ in words_of_module(source, KEYWORDS, (), {})]
    assert ("_", ("ready",)) in found
    assert ("ngettext", ("{count} row", "{count} rows", None)) in found


def test_words_that_stand_within_other_words_are_words_too() -> None:
    source = BytesIO(b"""print(_("{label} {value}", label=_("decision").ljust(12), value=text))""")
    found = [(name, words) for _, name, words, _ in words_of_module(source, KEYWORDS, (), {})]
    assert ("_", ("decision",)) in found


def test_bringing_a_catalogue_up_to_date_keeps_what_is_translated(tmp_path: Path) -> None:
    if problems(JAPANESE):
        pytest.skip("a word is missing or unused, which is named above")
    path = tmp_path / "ja.po"
    path.write_bytes(JAPANESE.read_bytes())
    update(path)
    assert path.read_bytes() == JAPANESE.read_bytes()


@pytest.mark.parametrize("begin", [Path.touch, Path.unlink])
def test_a_language_without_words_gets_a_catalogue_with_every_word(
    tmp_path: Path, begin: Callable[[Path], None]
) -> None:
    path = tmp_path / "fr.po"
    path.touch()
    begin(path)
    update(path)
    head = path.read_text(encoding="utf-8").partition("\n\n")[0]
    assert head.startswith("# French words")
    assert "fuzzy" not in head
    found = problems(path)
    assert found
    assert {each.partition(":")[0] for each in found} == {"not translated"}


def test_values_are_put_in_after_translation() -> None:
    words = Words(Language.JAPANESE)
    assert words.gettext("Line {line}", line="{x}") == "{x}行目"
    assert Words(Language.ENGLISH).gettext("Line {line}", line=3) == "Line 3"


def test_the_form_fits_the_number() -> None:
    count = nmsg("{count} picture", "{count} pictures", 1)
    assert [count.in_language(each) for each in (Language.ENGLISH, Language.JAPANESE)] == [
        "1 picture",
        "画像1",
    ]
    assert str(nmsg("{count} picture", "{count} pictures", 2)) == "2 pictures"


def test_markup_is_kept_and_the_words_around_it_are_escaped() -> None:
    shown = Words(Language.ENGLISH).gettext(
        "<{name}> & {other}", name=Markup("<b>x</b>"), other="<"
    )
    assert isinstance(shown, Markup)
    assert str(shown) == "&lt;<b>x</b>&gt; &amp; &lt;"


def test_a_message_within_a_message_is_worded_in_the_same_language() -> None:
    found: Message = msg("Line {line}", line=msg("Audit log"))
    assert found.in_language(Language.JAPANESE) == "操作記録行目"
    assert str(found) == "Line Audit log"


def test_an_error_is_worded_where_it_is_shown_and_is_english_in_logs() -> None:
    error = SignInError(
        msg("There were too many attempts."),
        remedy=msg("Try again in {minutes} minutes.", minutes=5),
    )
    assert str(error) == "There were too many attempts. Try again in 5 minutes."
    assert error.message.in_language(Language.JAPANESE) == "試行回数が多すぎます。"
    assert error.advice is not None
    assert error.advice.in_language(Language.JAPANESE) == "5分後にもう一度試してください。"


def test_in_japanese_an_issue_is_delivered_and_an_email_is_sent() -> None:
    sent = re.compile("(送信済みの|未送信の)号|号[^、。]{0,8}は(すでに|まだ)?送信(済み|し|され)")
    with JAPANESE.open("rb") as file:
        words = [text for message in read_po(file) for text in _forms(message)]

    assert [text for text in words if sent.search(text)] == []


def test_japanese_is_set_with_full_width_marks_and_questions_end_in_a_question_mark() -> None:
    letter = "[ぁ-ヿ一-鿿]"
    wrong = re.compile(
        rf"{letter}\s?([(!?]|:(?!:))|{letter}, |(ます|ません|です|でしょう)か([。」]|$)"
    )
    with JAPANESE.open("rb") as file:
        words = [text for message in read_po(file) for text in _forms(message)]

    assert [text for text in words if wrong.search(text)] == []


def test_every_notice_in_japanese_names_its_newsletter_in_the_same_brackets() -> None:
    with JAPANESE.open("rb") as file:
        subjects = [
            text
            for message in read_po(file)
            for text in _forms(message)
            if message.context == "mail subject" and "{newsletter}" in text
        ]

    assert [text for text in subjects if not text.startswith("【{newsletter}】")] == []
    assert subjects


def _forms(message: BabelMessage) -> tuple[str, ...]:
    forms = message.string
    return (forms,) if isinstance(forms, str) else tuple(forms or ())


def test_the_japanese_spells_each_word_in_one_way() -> None:
    written: dict[tuple[str, ...], set[str]] = {}
    with JAPANESE.open("rb") as file:
        for text in (text for message in read_po(file) for text in _forms(message)):
            for spelling in read_japanese(text).spellings:
                written.setdefault(spelling.word, set()).add(spelling.written)

    assert [spellings for spellings in written.values() if len(spellings) > 1] == []
