"""Texts as they are compared and found, by one rule for Python and both databases."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

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


#: Of a part that is looked for, so many grams are asked of the index.
_MOST_ASKED = 24


def grams_of(text: str) -> set[str]:
    """Return all grams of a text; none spans two of its lines.

    Japanese has no blanks between words, and many words of two letters. So of each line of a text
    there are known: each letter that is not ASCII, each pair of neighbours, and each three of
    ASCII, whose pairs are in too many texts. A text that holds a part has all the grams of that
    part; whether it holds the part itself is then asked of the text.
    """
    found: set[str] = set()
    for line in text.split("\n"):
        found.update(map("".join, pairwise(line)))
        threes = set(map("".join, zip(line, line[1:], line[2:], strict=False)))
        if line.isascii():
            found |= threes
        else:
            found.update(letter for letter in line if not letter.isascii())
            found.update(filter(str.isascii, threes))
    return found


def grams_asked(part: str) -> Sequence[str]:
    """Return the grams of a part that are worth asking for; none of a single letter of ASCII."""
    grams = grams_of(part)
    threes = [gram for gram in grams if len(gram) == 3]  # noqa: PLR2004 - letters
    covered = {pair for three in threes for pair in (three[:2], three[1:])}
    pairs = [gram for gram in grams if len(gram) == 2 and gram not in covered]  # noqa: PLR2004
    letters = {letter for gram in threes + pairs for letter in gram}
    single = [gram for gram in grams if len(gram) == 1 and gram not in letters]
    # Pairs with letters beyond ASCII are in the fewest texts.
    return sorted(threes + pairs + single, key=lambda gram: (gram.isascii(), gram))[:_MOST_ASKED]


@lru_cache(maxsize=200_000)
def fts_word(gram: str) -> str:
    """Return a gram as FTS5 takes it for one word, whatever its letters are."""
    return "x".join(f"{ord(letter):x}" for letter in gram)


def fts_words(grams: Iterable[str]) -> str:
    """Return grams as a text for FTS5, or as a question to it that asks for all of them."""
    return " ".join(map(fts_word, grams))


def fts_text(text: str | None) -> str:
    """Return the grams of a text as FTS5 takes them: the same text for the same text."""
    return fts_words(sorted(grams_of(text or "")))
