"""A language is a catalogue: one file more, and pages, mails and commands speak it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from gettext import c2py
from pathlib import Path

import pytest
from babel.messages.plurals import get_plural
from babel.messages.pofile import read_po

from newsletter.i18n.catalogue import FOLDER, Catalogue
from newsletter.i18n.language import (
    Language,
    language_name,
    nearest_language,
    own_language_name,
    read_language,
    time_zone_names,
)
from tests.support.growth import assert_linear

_PROGRAM = """
import sys
import newsletter
newsletter.__path__.insert(0, sys.argv[1])
from newsletter.errors import ListError
from newsletter.i18n.language import (
    Language,
    language_name,
    nearest_language,
    read_language,
    time_zone_name,
)
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Number
from newsletter.samples import sample_issue
from newsletter.web.pages import Pages
from newsletter.settings import Settings

korean = Language("ko")
assert sample_issue(korean) == sample_issue(Language.ENGLISH) != sample_issue(Language.JAPANESE)
assert nearest_language("ko-KR", Language.ENGLISH) is korean
for speaker in map(Language, ("ko", "zh-Hant", "tlh")):
    assert time_zone_name("Asia/Tokyo", speaker)
    for tag in ("ja", "pt", "fil"):
        assert read_language(language_name(tag, speaker)) == tag, language_name(tag, speaker)
print(ListError(msg("The list is empty."), remedy=msg("Choose a file.")).in_language(korean))
pages = Pages(Settings(_env_file=None).templates_dir)
print(pages.render("errors/failed.html", language=korean, kind="busy", explanation="")[:80])
"""


@pytest.mark.servers
def test_another_language_is_one_catalogue(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "i18n")
    (tmp_path / "i18n" / "ko.po").write_text(
        'msgid ""\nmsgstr "Plural-Forms: nplurals=1; plural=0;\\n"\n\n'
        'msgid "The list is empty."\nmsgstr "목록이 비어 있습니다."\n',
        encoding="utf-8",
    )
    for tag in ("zh-Hant", "tlh"):
        (tmp_path / "i18n" / f"{tag}.po").touch()
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", _PROGRAM, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[0] == "목록이 비어 있습니다. Choose a file."


def test_catalogues_are_read_as_babel_reads_them() -> None:
    for path in FOLDER.glob("*.po"):
        ours = Catalogue(path)
        with path.open("rb") as source:
            for entry in read_po(source, locale=path.stem):
                if not all(entry.string or ("",)):
                    continue
                if isinstance(entry.id, tuple):
                    one, many = entry.id
                    assert ours.ngettext(one, many, 5) == list(entry.string or [])[-1]
                elif entry.id and entry.context:
                    assert ours.pgettext(entry.context, str(entry.id)) == entry.string
                elif entry.id:
                    assert ours.gettext(str(entry.id)) == entry.string


@pytest.mark.parametrize("language", ["fr", "pt_BR", "pl", "ru", "ar", "fil", "cs"])
def test_plurals_of_any_language_are_those_of_its_formula(language: str, tmp_path: Path) -> None:
    plural = get_plural(language)
    forms = "".join(f'msgstr[{nr}] "form {nr}"\n' for nr in range(plural.num_plurals))
    path = tmp_path / f"{language}.po"
    path.write_text(
        f'msgid ""\nmsgstr "Plural-Forms: {plural.plural_forms}\\n"\n\n'
        f'msgid "one"\nmsgid_plural "many"\n{forms}',
        encoding="utf-8",
    )
    ours, formula = Catalogue(path), c2py(plural.plural_expr)
    for count in (0, 1, 2, 5, 21, 101):
        assert ours.ngettext("one", "many", count) == f"form {formula(count)}"


def test_a_language_that_is_asked_for_costs_no_more_the_longer_its_tag_is() -> None:
    assert_linear(lambda tag: nearest_language(tag, None), lambda size: "a-" * size, size=8_000)
    assert nearest_language("en-" + "x-" * 8_000, None) is Language.ENGLISH


def test_time_zones_begin_with_the_speakers_own_and_go_from_west_to_east() -> None:
    zones = time_zone_names(Language.JAPANESE)
    assert zones[0] == ("Asia/Tokyo", "日本時間 (UTC+9)")
    places = [zone for zone, _ in zones[1:]]
    assert places.index("America/New_York") < places.index("Europe/London")
    assert places.index("Europe/London") < places.index("Asia/Kolkata")
    assert dict(zones)["Asia/Kolkata"].endswith("(UTC+5:30)")
    assert dict(time_zone_names(Language.ENGLISH))["America/New_York"].endswith("(UTC-5)")


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("ja", "日本語"),
        ("ja-simple", "やさしい日本語"),
        ("ja-Latn-hepburn", "日本語 (Latn-hepburn)"),
        ("ja-Hira", "日本語 (Hira)"),
        ("de-1996", "Deutsch (1996)"),
        ("zh-Hant", "中文 (繁體)"),
        ("en-GB", "English (United Kingdom)"),
        ("xx-yy", "xx-yy"),
    ],
)
def test_each_form_of_a_language_has_a_name_of_its_own(tag: str, name: str) -> None:
    assert own_language_name(tag) == name


@pytest.mark.parametrize("speaker", Language)
@pytest.mark.parametrize("tag", ["pt-BR", "zh-TW", "zh-Hant-HK", "vi-VN", "es-419", "de-1996"])
def test_a_form_of_a_language_is_read_by_the_name_that_it_is_written_with(
    tag: str, speaker: Language
) -> None:
    assert read_language(language_name(tag, speaker)) == tag
