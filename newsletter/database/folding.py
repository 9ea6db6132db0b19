"""Texts folded where they are compared: one rule for Python and both databases."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from sqlalchemy import String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from newsletter.i18n.normal_form import normal_form

#: Printable ASCII, which has its full width in the same order.
_FULL = {code: code - 0x21 + ord("！") for code in range(0x21, 0x7F)}
#: Katakana that have a half width, by what these are in the usual one.
_NARROW = {
    unicodedata.normalize("NFKC", narrow): narrow
    for narrow in map(chr, range(ord("｡"), ord("ﾟ") + 1))
}


def _narrowed() -> Iterator[tuple[int, str]]:
    for code in range(ord("、"), ord("ー") + 1):
        # A voiced one is two letters: ｶﾞ.
        parts = unicodedata.normalize("NFD", chr(code))
        if all(part in _NARROW for part in parts):
            yield code, "".join(_NARROW[part] for part in parts)


_HALF = dict(_narrowed())

#: Katakana that hiragana have, too, lie so far behind them: さとう is written サトウ as well.
_BEHIND = ord("ァ") - ord("ぁ")
_HIRAGANA = {
    code: code - _BEHIND for code in (*range(ord("ァ"), ord("ヶ") + 1), ord("ヽ"), ord("ヾ"))
}
_KATAKANA = {hiragana: katakana for katakana, hiragana in _HIRAGANA.items()}


def to_hiragana(text: str) -> str:
    """Return a text in hiragana where it has katakana of the usual width."""
    return text if text.isascii() else text.translate(_HIRAGANA)


def fold_case(text: str) -> str:
    """Return a text without case and width (NFKC), as the keys of addresses are."""
    return text.lower() if text.isascii() else normal_form(text).lower()


def fold_text(text: str | None) -> str:
    """Return a text without case and width, in one kana; empty for None."""
    return to_hiragana(fold_case(text)) if text else ""


def fold_words(text: str) -> str:
    """Return text in the form in which it is compared.

    That is NFKC, without case, in hiragana instead of katakana, with blanks as one.
    """
    return " ".join(fold_letters(normal_form(text)).split())


def fold_letters(text: str) -> str:
    """Return text without case and katakana."""
    return to_hiragana(text.casefold())


def forms_of(text: str) -> tuple[str, ...]:
    """Return the forms in which people write a text: its widths, cases and kana, each once.

    For what compares with an index of texts that nobody folded.
    """
    usual = normal_form(text)
    katakana = usual.translate(_KATAKANA)
    in_cases = (usual, usual.lower(), usual.upper(), usual.title())
    return tuple(
        dict.fromkeys(
            (
                text,
                *in_cases,
                *(each.translate(_FULL) for each in in_cases),
                to_hiragana(usual),
                katakana,
                katakana.translate(_HALF),
            )
        )
    )


class Folded(FunctionElement[str]):
    """A text as `fold_text` returns it, and NULL as empty.

    PostgreSQL makes small what its own locale calls a capital: in ``C`` these are A to Z alone.
    """

    type = String()
    inherit_cache = True


@compiles(Folded, "sqlite")
def _folded_sqlite(element: Folded, compiler: SQLCompiler, **_: object) -> str:
    # `newsletter.database.engine` gives each connection the function.
    return f"fold_text({compiler.process(element.clauses)})"


@compiles(Folded, "postgresql")
def _folded_postgresql(element: Folded, compiler: SQLCompiler, **_: object) -> str:
    text = f"lower(normalize(coalesce({compiler.process(element.clauses)}, ''), NFKC))"
    katakana, hiragana = ("".join(map(chr, letters)) for letters in (_HIRAGANA, _HIRAGANA.values()))
    return f"translate({text}, '{katakana}', '{hiragana}')"
