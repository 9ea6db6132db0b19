"""Text folded for comparing: widths, case, kana and blanks aside."""

from __future__ import annotations

from newsletter.database.folding import to_hiragana
from newsletter.i18n.normal_form import normal_form


def fold(text: str) -> str:
    """Return text in the form in which it is compared.

    That is NFKC, without case, in hiragana instead of katakana, with blanks as one.
    """
    return " ".join(fold_letters(normal_form(text)).split())


def fold_letters(text: str) -> str:
    """Return text without case and katakana."""
    return to_hiragana(text.casefold())
