"""An index of the letters that issues and drafts say, by which a search finds candidates.

Japanese has no blanks between words, and many words of two letters: so what is indexed is each
letter and each pair of neighbours. A text that says a word has all the word's pairs; whether it
says the word itself is then asked of the text. On SQLite the index is a table of FTS5, on
PostgreSQL one of arrays with a GIN index (`newsletter.database.migrations`).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from itertools import pairwise

from sqlalchemy import BigInteger, Select, column, text
from sqlalchemy.orm import Session

from newsletter.database.folding import fts_words

#: Of a word that is looked for, so many pairs are asked of the index.
_MOST_PAIRS = 24


class Indexed(IntEnum):
    """What is indexed; stored with its number, so never renumber one."""

    DRAFT = 0
    ISSUE = 1


def index_words(session: Session, what: Indexed, number: int, words: str) -> None:
    """Index what a draft or an issue says, folded, in place of what it said before."""
    forget_words(session, what, number)
    letters = sorted(_letters_of(words))
    if _is_postgresql(session):
        session.execute(
            text(
                "INSERT INTO word_index (what, number, letters) VALUES (:what, :number, :letters)"
            ),
            {"what": int(what), "number": number, "letters": letters},
        )
    else:
        session.execute(
            text("INSERT INTO word_index (rowid, letters) VALUES (:row, :letters)"),
            {"row": 2 * number + what, "letters": fts_words(letters)},
        )


def forget_words(session: Session, what: Indexed, number: int) -> None:
    """Take a draft or an issue out of the index."""
    if _is_postgresql(session):
        session.execute(
            text("DELETE FROM word_index WHERE what = :what AND number = :number"),
            {"what": int(what), "number": number},
        )
    else:
        session.execute(
            text("DELETE FROM word_index WHERE rowid = :row"), {"row": 2 * number + what}
        )


def candidates(session: Session, what: Indexed, terms: Iterable[str]) -> Select[tuple[int]]:
    """Return a query for the numbers of all drafts or issues that may say all of some words."""
    letters = sorted({each for term in terms for each in _asked_of(term)})
    if _is_postgresql(session):
        found = text(
            "SELECT number FROM word_index WHERE what = :what AND letters @> CAST(:asked AS text[])"
        ).bindparams(what=int(what), asked=letters)
    else:
        found = text(
            "SELECT rowid / 2 AS number FROM word_index"
            " WHERE word_index MATCH :asked AND rowid % 2 = :what"
        ).bindparams(what=int(what), asked=fts_words(letters))
    return found.columns(column("number", BigInteger)).subquery().select()


def _letters_of(words: str) -> set[str]:
    found: set[str] = set()
    for word in set(words.split()):
        found.update(word)
        found.update(map("".join, pairwise(word)))
    return found


def _asked_of(term: str) -> Iterable[str]:
    return [term] if len(term) == 1 else list(map("".join, pairwise(term)))[:_MOST_PAIRS]


def _is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"
