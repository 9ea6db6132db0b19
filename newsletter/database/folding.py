"""Texts folded where they are compared: one rule for Python and both databases."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from sqlalchemy import String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

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


def fold_text(text: str | None) -> str:
    """Return a text without case and width (NFKC), empty for None."""
    if not text:
        return ""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).lower()


def widths_of(text: str) -> tuple[str, ...]:
    """Return a text as it is, in the usual widths, in full and in half width, each once.

    For what compares with an index of texts that nobody folded.
    """
    usual = unicodedata.normalize("NFKC", text)
    return tuple(dict.fromkeys((text, usual, usual.translate(_FULL), usual.translate(_HALF))))


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
    return f"lower(normalize(coalesce({compiler.process(element.clauses)}, ''), NFKC))"
