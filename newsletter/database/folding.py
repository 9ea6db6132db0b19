"""Texts folded where they are compared: one rule for Python and both databases."""

from __future__ import annotations

import unicodedata

from sqlalchemy import String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


def fold_text(text: str | None) -> str:
    """Return a text without case and width (NFKC), empty for None."""
    if not text:
        return ""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).lower()


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
