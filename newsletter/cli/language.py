"""The language of the command line, which is that of the terminal's locale (POSIX, 8.2)."""

from __future__ import annotations

import os
from enum import StrEnum
from functools import cache

from newsletter.i18n.catalogue import SOURCE_LANGUAGE, Words
from newsletter.i18n.language import Language, nearest_language
from newsletter.i18n.values import Worded

#: Locales without a language.
_OF_NO_LANGUAGE = frozenset({"", "C", "POSIX"})


def _locale() -> str:
    names = (os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return next(filter(None, names), "").partition(".")[0]


@cache
def terminal_language() -> Language:
    """Return the language of LC_ALL, LC_MESSAGES or LANG; English for C, POSIX and unknown ones."""
    return nearest_language(_locale().replace("_", "-"), SOURCE_LANGUAGE)


def usual_language() -> Language:
    """Return the default language of a new newsletter, which is that of the terminal.

    Without a language in the locale, as in services and containers, it is Japanese.
    """
    return Language.JAPANESE if _locale() in _OF_NO_LANGUAGE else terminal_language()


@cache
def _words() -> Words:
    return Words(terminal_language())


def gettext(words: str, /, **values: object) -> str:
    """Return a text in the terminal's language, with its placeholders replaced."""
    return _words().gettext(words, **values)


def ngettext(one: str, many: str, number: int, /, **values: object) -> str:
    """Return the form of a text for a number, which is ``{count}`` in the text."""
    return _words().ngettext(one, many, number, **values)


def pgettext(context: str, words: str, /, **values: object) -> str:
    """Return a text with several meanings, which ``context`` distinguishes."""
    return _words().pgettext(context, words, **values)


def labelled(name: str, value: object) -> str:
    """Return a value after its label."""
    return _words().labelled(name, value)


def text(words: Worded | str | None) -> str:
    """Return a message in the terminal's language; plain text is returned unchanged."""
    return words.in_language(terminal_language()) if isinstance(words, Worded) else words or ""


def label(word: StrEnum) -> str:
    """Return the label of an enumeration's member, for use within a line."""
    from newsletter.database.words import name_of

    return text(name_of(word)).lower()


#: Markers before a style, before the styled text, and after it. They are noncharacters, which no
#: text contains (Unicode, 23.7).
STYLE, STYLED, PLAIN = "\ufdd0", "\ufdd1", "\ufdd2"


def styled(words: object, style: str = "bold") -> str:
    """Return a text with markers of a Rich style, which is the only way to style output."""
    return f"{STYLE}{style}{STYLED}{words}{PLAIN}"
