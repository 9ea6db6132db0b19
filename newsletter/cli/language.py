"""The language of the command line: what the locale of the terminal asks for (POSIX, 8.2)."""

from __future__ import annotations

import os
from enum import StrEnum
from functools import cache

from newsletter.i18n.catalogue import SOURCE_LANGUAGE, Words
from newsletter.i18n.language import Language, nearest_language
from newsletter.i18n.values import Worded

#: What a locale is called that asks for no language.
_OF_NO_LANGUAGE = frozenset({"", "C", "POSIX"})


def _locale() -> str:
    names = (os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return next(filter(None, names), "").partition(".")[0]


@cache
def terminal_language() -> Language:
    """Return the language of LC_ALL, LC_MESSAGES or LANG; English for C, POSIX and what is none."""
    return nearest_language(_locale().replace("_", "-"), SOURCE_LANGUAGE)


def usual_language() -> Language:
    """Return what a new newsletter is written in unless somebody says so: the terminal's language.

    Services and containers have a locale that asks for none: there it is Japanese.
    """
    return Language.JAPANESE if _locale() in _OF_NO_LANGUAGE else terminal_language()


@cache
def _words() -> Words:
    return Words(terminal_language())


def gettext(words: str, /, **values: object) -> str:
    """Return a text in the terminal's language, with its values put in."""
    return _words().gettext(words, **values)


def ngettext(one: str, many: str, number: int, /, **values: object) -> str:
    """Return the form of a text that fits a number, which is ``{count}`` in it."""
    return _words().ngettext(one, many, number, **values)


def pgettext(context: str, words: str, /, **values: object) -> str:
    """Return a text that has several meanings, told apart by ``context``."""
    return _words().pgettext(context, words, **values)


def labelled(name: str, value: object) -> str:
    """Return a value behind what it is called."""
    return _words().labelled(name, value)


def text(words: Worded | str | None) -> str:
    """Return a message in the terminal's language; plain text as it is."""
    return words.in_language(terminal_language()) if isinstance(words, Worded) else words or ""


def label(word: StrEnum) -> str:
    """Return what a word of the vocabulary is called, as it stands within a line."""
    from newsletter.database.words import name_of

    return text(name_of(word)).lower()


#: What parts a style, the words in it, and what follows: letters that no text has (Unicode, 23.7).
STYLE, STYLED, PLAIN = "\ufdd0", "\ufdd1", "\ufdd2"


def styled(words: object, style: str = "bold") -> str:
    """Return words in a style of Rich's, for the console; no other text styles anything."""
    return f"{STYLE}{style}{STYLED}{words}{PLAIN}"
