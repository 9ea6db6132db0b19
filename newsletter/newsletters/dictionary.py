"""A newsletter's own dictionary: words that the spelling check accepts."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.database.tables import DictionaryWordRow, NewsletterRow
from newsletter.database.tables.newsletters import LONGEST_WORD
from newsletter.errors import ConflictError, ContentError, NotFoundError, Place
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Number
from newsletter.issues.checks.spelling import folded_word

#: The maximum number of words per newsletter.
MOST_WORDS = 2000


def list_words(session: Session, newsletter_id: int) -> tuple[str, ...]:
    """Return the words of a newsletter's dictionary, in order."""
    rows = session.scalars(
        select(DictionaryWordRow)
        .where(DictionaryWordRow.newsletter_id == newsletter_id)
        .order_by(DictionaryWordRow.folded)
    )
    return tuple(row.word for row in rows)


def list_folded(session: Session, newsletter_id: int) -> frozenset[str]:
    """Return the words in the form for comparison."""
    mine = DictionaryWordRow.newsletter_id == newsletter_id
    return frozenset(session.scalars(select(DictionaryWordRow.folded).where(mine)))


def add_word(session: Session, actor: Actor, newsletter_id: int, word: str) -> None:
    """Add a word that preflight accepts from then on; adding it twice has no effect.

    Raises:
        ContentError: The word is empty, too long, or has several lines.
        ConflictError: The dictionary has too many words.
    """
    word = word.strip()
    folded = folded_word(word)
    if not folded or not word.isprintable() or max(len(word), len(folded)) > LONGEST_WORD:
        raise ContentError(
            msg("A word has 1 to {limit} characters, in one line.", limit=LONGEST_WORD),
            place=Place(source="dictionary", field="word"),
        )
    # Locked, so that concurrent calls cannot add a word twice or exceed the limit.
    session.get_one(NewsletterRow, newsletter_id, with_for_update=True)
    if session.get(DictionaryWordRow, (newsletter_id, folded)) is not None:
        return
    mine = DictionaryWordRow.newsletter_id == newsletter_id
    if session.scalars(select(func.count()).select_from(DictionaryWordRow).where(mine)).one() >= (
        MOST_WORDS
    ):
        raise ConflictError(
            msg("A dictionary has at most {limit} words.", limit=Number(MOST_WORDS)),
            remedy=msg("Remove words that are no longer needed."),
        )
    session.add(DictionaryWordRow(newsletter_id=newsletter_id, folded=folded, word=word))
    record_event(
        session,
        actor,
        Action.DICTIONARY_ADD,
        object=f"word {word}",
        newsletter_id=newsletter_id,
    )


def remove_word(session: Session, actor: Actor, newsletter_id: int, word: str) -> None:
    """Remove a word; preflight reports it again.

    Raises:
        NotFoundError: The dictionary does not have it.
    """
    row = session.get(DictionaryWordRow, (newsletter_id, folded_word(word)))
    if row is None:
        raise NotFoundError(msg("The dictionary does not have the word “{word}”.", word=word))
    session.delete(row)
    record_event(
        session,
        actor,
        Action.DICTIONARY_REMOVE,
        object=f"word {row.word}",
        newsletter_id=newsletter_id,
    )
