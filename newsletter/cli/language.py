"""The language of the command line: what the locale of the terminal asks for (POSIX, 8.2)."""

from __future__ import annotations

import os
from functools import cache

from newsletter.i18n.catalogue import SOURCE_LANGUAGE
from newsletter.i18n.language import Language, nearest_language
from newsletter.i18n.values import Worded


@cache
def terminal_language() -> Language:
    """Return the language of LC_ALL, LC_MESSAGES or LANG; English for C, POSIX and what is none."""
    names = (os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    chosen = next(filter(None, names), "")
    return nearest_language(chosen.partition(".")[0].replace("_", "-"), SOURCE_LANGUAGE)


def text(words: Worded | str) -> str:
    """Return a message in the terminal's language; plain text as it is."""
    return words.in_language(terminal_language()) if isinstance(words, Worded) else words
