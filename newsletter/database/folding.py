"""Folding: normal forms of texts for comparison and search, in Python and both databases."""

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

#: Printable ASCII to the full-width forms, which have the same order.
_FULL = {code: code - 0x21 + ord("！") for code in range(0x21, 0x7F)}
#: Katakana to their half-width forms.
_NARROW = {
    unicodedata.normalize("NFKC", narrow): narrow
    for narrow in map(chr, range(ord("｡"), ord("ﾟ") + 1))
}


def _narrowed() -> Iterator[tuple[int, str]]:
    for code in range(ord("、"), ord("ー") + 1):
        # A voiced letter has two characters in half width: ｶﾞ.
        parts = unicodedata.normalize("NFD", chr(code))
        if all(part in _NARROW for part in parts):
            yield code, "".join(_NARROW[part] for part in parts)


_HALF = dict(_narrowed())

#: The distance between hiragana and the corresponding katakana in Unicode.
_BEHIND = ord("ァ") - ord("ぁ")
_HIRAGANA = {
    code: code - _BEHIND for code in (*range(ord("ァ"), ord("ヶ") + 1), ord("ヽ"), ord("ヾ"))
}
_KATAKANA = {hiragana: katakana for katakana, hiragana in _HIRAGANA.items()}


def to_hiragana(text: str) -> str:
    """Return the text with full-width katakana replaced by hiragana."""
    return text if text.isascii() else text.translate(_HIRAGANA)


def fold_case(text: str) -> str:
    """Return the text without differences of case and width (NFKC), as in address keys."""
    return text.lower() if text.isascii() else normal_form(text).lower()


def fold_text(text: str | None) -> str:
    """Return the text without differences of case, width and kana; empty for None."""
    return to_hiragana(fold_case(text)) if text else ""


def fold_words(text: str) -> str:
    """Return the text in its form for comparison.

    This is NFKC without case, with hiragana for katakana, and with single spaces.
    """
    return " ".join(fold_letters(normal_form(text)).split())


def fold_letters(text: str) -> str:
    """Return the text in lower case, with hiragana for katakana."""
    return to_hiragana(text.casefold())


def forms_of(text: str) -> tuple[str, ...]:
    """Return the common spellings of a text, by width, case and kana, without duplicates.

    They are for searching an index of texts that are not folded.
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
    """The SQL expression for `fold_text`, with "" for NULL.

    PostgreSQL's lower() depends on the locale: in ``C`` it changes only A to Z.
    """

    type = String()
    inherit_cache = True


class FoldedExceptKana(FunctionElement[str]):
    """The SQL expression for `fold_case`, with "" for NULL.

    It contains a text without hiragana exactly where `Folded` does. PostgreSQL takes far longer for
    the kana than for all else.
    """

    type = String()
    inherit_cache = True


def folded_for(column: object, part: str) -> FunctionElement[str]:
    """Return the folded form of a column in which a folded text is searched for."""
    has_kana = not _KATAKANA.keys().isdisjoint(map(ord, part))
    return Folded(column) if has_kana else FoldedExceptKana(column)


@compiles(FoldedExceptKana, "sqlite")
@compiles(Folded, "sqlite")
def _folded_sqlite(element: Folded, compiler: SQLCompiler, **_: object) -> str:
    # `newsletter.database.engine` registers the function with each connection.
    return f"fold_text({compiler.process(element.clauses)})"


@compiles(FoldedExceptKana, "postgresql")
def _folded_case(element: Folded | FoldedExceptKana, compiler: SQLCompiler, **_: object) -> str:
    return f"lower(normalize(coalesce({compiler.process(element.clauses)}, ''), NFKC))"


@compiles(Folded, "postgresql")
def _folded_postgresql(element: Folded, compiler: SQLCompiler, **_: object) -> str:
    text = _folded_case(element, compiler)
    katakana, hiragana = ("".join(map(chr, letters)) for letters in (_HIRAGANA, _HIRAGANA.values()))
    return f"translate({text}, '{katakana}', '{hiragana}')"


#: The maximum number of grams of a search term that are looked up in the index.
_MOST_ASKED = 24


def grams_of(text: str) -> set[str]:
    """Return the n-grams of a text, within its lines.

    Japanese has no spaces between words, and many words of two characters. The index therefore has
    each non-ASCII character, each pair of neighbouring characters, and each three of ASCII, whose
    pairs would occur in too many texts. A text that contains a search term has all the grams of the
    term. The reverse is not true, so the text itself is compared afterwards.
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
    """Return the grams of a search term to look up; none for a single ASCII character."""
    grams = grams_of(part)
    threes = [gram for gram in grams if len(gram) == 3]  # noqa: PLR2004 - letters
    covered = {pair for three in threes for pair in (three[:2], three[1:])}
    pairs = [gram for gram in grams if len(gram) == 2 and gram not in covered]  # noqa: PLR2004
    letters = {letter for gram in threes + pairs for letter in gram}
    single = [gram for gram in grams if len(gram) == 1 and gram not in letters]
    # Non-ASCII pairs first: they occur in the fewest texts.
    return sorted(threes + pairs + single, key=lambda gram: (gram.isascii(), gram))[:_MOST_ASKED]


@lru_cache(maxsize=200_000)
def fts_word(gram: str) -> str:
    """Return a gram encoded so that FTS5 treats it as one word, whatever its characters are."""
    return "x".join(f"{ord(letter):x}" for letter in gram)


def fts_words(grams: Iterable[str]) -> str:
    """Return grams as a text for FTS5, or as an FTS5 query that requires all of them."""
    return " ".join(map(fts_word, grams))


def fts_text(text: str | None) -> str:
    """Return the grams of a text encoded for FTS5; the result is deterministic."""
    return fts_words(sorted(grams_of(text or "")))
