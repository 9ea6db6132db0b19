"""Text folded for comparing: widths, case, kana and blanks aside."""

from __future__ import annotations

import unicodedata

#: Katakana that hiragana have, too, lie so far behind them; people write ゴミ and ごみ alike.
_BEHIND = ord("ァ") - ord("ぁ")
_HIRAGANA = {code: code - _BEHIND for code in range(ord("ァ"), ord("ヶ") + 1)}


def fold(text: str) -> str:
    """Return text in the form in which it is compared.

    That is NFKC, without case, in hiragana instead of katakana, with blanks as one.
    """
    return " ".join(fold_letters(unicodedata.normalize("NFKC", text)).split())


def fold_letters(text: str) -> str:
    """Return text without case and katakana."""
    return text.casefold().translate(_HIRAGANA)
