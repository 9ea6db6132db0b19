"""Every word of every page comes from a catalogue: in a language of marked English all are marked.

That is what another language needs, too: its catalogue, and nothing else.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from gettext import NullTranslations
from pathlib import Path

import httpx
import pytest
from lxml import html
from sqlalchemy import Engine

from newsletter.database.engine import open_engine
from newsletter.i18n import catalogue
from newsletter.i18n.language import (
    Language,
    language_name,
    offered_languages,
    time_zone_name,
    time_zone_names,
)
from newsletter.web.pages import environment_of
from subscribers.lists.parsers.encodings import ENCODINGS
from tests.support.fields import ALL
from tests.web.showroom import Showroom, showroom
from tests.web.table import OPEN_PAGES, SIGNED_IN_PAGES

_ACCENTS = str.maketrans("aceinouyACEINOUY", "áçéïñôûýÁÇÉÏÑÔÛÝ")
_PART = re.compile(r"(\{\w+\})")
_ATTRIBUTES = ("placeholder", "aria-label", "title", "alt", "data-label")
#: What is quoted as it is, is typed as it is, or is marked as being in a language of its own.
_QUOTED = {"datalist", "code", "pre", "textarea", "script", "style", "time", "samp", "kbd"}
#: Names, addresses, file names and terms that every language writes so.
_ADDRESS = re.compile(r"#[0-9a-f]{6}\b|\S*[@:/._=+]\S*|\b[A-Z0-9]{2,}s?\b|\b\w+-\w+\b")
_WORD = re.compile(r"[A-Za-z]{2,}")
#: What the showroom's people, mails and settings are called, and terms that no language translates.
_DATA = {
    *(
        "digest",
        "weekly",
        "letter",
        "test",
        "list",
        "address",
        "no",
        "such",
        "user",
        "press",
        "tag",
    ),
    *(
        "tag",
        "and",
        "joined",
        "Gmail",
        "Outlook",
        "Markdown",
        "Redis",
        "SQLite",
        "ms",
        "kB",
        "MB",
        "px",
    ),
    *("Subject", "Date", "From", "To", "MIME", "Version", "Message", "Content", "Type", "Transfer"),
    *("Encoding", "plain", "text", "html", "utf", "base", "English", "Japanese"),
}

_DATA.update(
    # A segment, a template, a form of the showroom; a month as CLDR writes it.
    ("families", "season", "fair"),
    # The front matter of an issue, in which a correction shows what changes.
    ("title", "date", "language", "ja", "number", "masthead", "preheader", "credits"),
    calendar.month_name[1:],
    (*calendar.month_abbr[1:], "Sept"),
    *(
        _WORD.findall(text)
        for field in ALL
        for texts in (
            field.labels,
            *(option.labels for option in field.options),
            *(option.descriptions for option in field.options),
        )
        for text in texts.values()
    ),
)


class _Marked(NullTranslations):
    """English with accents and in brackets."""

    def gettext(self, message: str) -> str:
        parts = (
            part if _PART.match(part) else part.translate(_ACCENTS) for part in _PART.split(message)
        )
        return f"⟦{''.join(parts)}⟧"

    def pgettext(self, context: str, message: str) -> str:
        del context
        return self.gettext(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)


@pytest.fixture(scope="module")
def room(
    _servers: None, _sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Showroom]:
    marked = _Marked()
    original = catalogue.catalogue_of

    def catalogue_of(language: Language) -> NullTranslations:
        return marked if language is Language.ENGLISH else original(language)

    folder = tmp_path_factory.mktemp("pseudo")
    path = folder / "newsletter.sqlite3"
    path.write_bytes(_sqlite_template.read_bytes())
    engine: Engine = open_engine(f"sqlite:///{path}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "catalogue_of", catalogue_of)
        environment_of.cache_clear()
        with showroom(engine, folder) as furnished:
            yield furnished
    environment_of.cache_clear()
    engine.dispose()


def test_no_page_has_a_word_that_no_catalogue_has(room: Showroom) -> None:
    language = Language.ENGLISH
    cookies = {"session": room.sessions[language], "language": language.value}
    unmarked = []
    with httpx.Client(base_url=room.url, cookies=cookies) as client:
        for pages in (OPEN_PAGES, SIGNED_IN_PAGES):
            for path in (each for paths in pages.values() for each in paths):
                answer = client.get(path.format(**room.places[language]))
                if "html" in answer.headers.get("content-type", ""):
                    unmarked += [f"{path}: {text!r}" for text in _unmarked(answer.text)]
    assert "\n".join(unmarked) == ""


def _unmarked(page: str) -> Iterator[str]:
    """Yield what stands outside of all brackets, and is neither data nor quoted."""
    speakers = (Language.ENGLISH, *Language)
    known = {language_name(each, speaker) for each in Language for speaker in speakers}
    zones = time_zone_names(Language.ENGLISH)
    known |= {
        text for zone, name in zones for text in (name, time_zone_name(zone, Language.ENGLISH))
    }
    known |= {language_name(tag, Language.ENGLISH) for tag in offered_languages()}
    known |= {*ENCODINGS.values()}
    depth = 0
    for text in _texts(html.fromstring(page)):
        outside = ""
        for letter in text:
            depth += (letter == "⟦") - (letter == "⟧")
            outside += letter if depth == 0 else " "
        if outside.strip() in known:
            continue
        words = set(_WORD.findall(_ADDRESS.sub(" ", outside))) - _DATA
        if words:
            yield " ".join(outside.split())


def _texts(element: html.HtmlElement) -> Iterator[str]:
    """Yield the texts of a page in their order, and its attributes that people read."""
    quoted = element.tag in _QUOTED or (element.get("lang") and element.tag != "html")
    if isinstance(element.tag, str) and not quoted:
        for name in _ATTRIBUTES:
            if element.get(name):
                yield element.get(name)
        yield element.text or ""
        for child in element:
            yield from _texts(child)
    yield element.tail or ""
