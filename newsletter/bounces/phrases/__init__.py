"""What mail systems say: phrases by theme, each theme a table in a TOML file beside this.

A phrase is looked for in words in lower case with single spaces, where ``@`` stands for each
address and links are left out; `` * `` in a phrase stands for a few words in between. Add a phrase
to the theme it speaks of; the order of themes is in `newsletter.bounces.classify`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

#: How far apart the two sides of `` * `` may stand.
_APART = 160


@dataclass(frozen=True, slots=True)
class Phrases:
    """Phrases of one theme, cut into what must follow each other."""

    pieces: tuple[tuple[str, ...], ...]

    def said_in(self, words: str) -> bool:
        """Tell whether words hold one of the phrases; linear in both."""
        return any(_follows(words, one) for one in self.pieces)


@cache
def tables(file: str) -> dict[str, tuple[str, ...]]:
    """Return the tables of phrases of a file beside this.

    Raises:
        ValueError: It holds something else than lists of distinct phrases in lower case.
    """
    read = tomllib.loads(files(__package__).joinpath(f"{file}.toml").read_text("utf-8"))
    for name, table in read.items():
        if not isinstance(table, list) or not all(isinstance(one, str) for one in table):
            raise ValueError(f"{file}.toml, {name}: a table is a list of phrases.")
        wrong = [one for one in table if not one.strip() or one != one.lower()]
        twice = [one for one in table if table.count(one) > 1]
        if wrong or twice:
            raise ValueError(
                f"{file}.toml, {name}: not in lower case, or given twice: {[*wrong, *twice][0]!r}."
            )
    return {name: tuple(table) for name, table in read.items()}


def phrases(*tables: Iterable[str]) -> Phrases:
    """Prepare tables of phrases for looking up."""
    return Phrases(tuple(tuple(one.split(" * ")) for table in tables for one in table))


def _follows(words: str, pieces: tuple[str, ...]) -> bool:
    first = words.find(pieces[0])
    # A handful of beginnings suffices: words are one reply, not a book.
    for _ in range(8):
        if first < 0:
            return False
        at = first + len(pieces[0])
        for piece in pieces[1:]:
            found = words.find(piece, at, at + _APART + len(piece))
            if found < 0:
                break
            at = found + len(piece)
        else:
            return True
        first = words.find(pieces[0], first + 1)
    return False
