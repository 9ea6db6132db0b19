"""Frequencies: how often a subscriber gets mail, among those that a newsletter offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from newsletter.database.tables import DigestRuleRow, SubscriptionRow
from newsletter.database.vocabulary import Frequency
from newsletter.database.words import name_of
from newsletter.errors import ListError, Place
from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg
from newsletter.i18n.normal_form import normal_form
from newsletter.i18n.values import Listing

#: Words in lists of other systems; those of our own pages and lists are accepted as well.
_WORDS: Mapping[str, str] = {
    word: frequency.value
    for frequency, words in {
        Frequency.EACH: ("each", "eachissue", "daily", "immediate", "毎号", "各号", "毎回", "都度"),
        Frequency.WEEKLY: ("weekly", "week", "毎週", "週1回", "週一回", "週刊", "週刊まとめ"),
        Frequency.MONTHLY: ("monthly", "month", "毎月", "月1回", "月一回", "月刊", "月刊まとめ"),
    }.items()
    for word in words
}


def offered_frequencies(session: Session, newsletter_id: int) -> Sequence[Frequency]:
    """Return the frequencies that a newsletter offers: each issue, and its digests."""
    offered = set(
        session.scalars(
            select(DigestRuleRow.frequency).where(
                DigestRuleRow.newsletter_id == newsletter_id, DigestRuleRow.offered
            )
        )
    )
    return [each for each in Frequency if each is Frequency.EACH or each in offered]


def read_frequency(session: Session, newsletter_id: int, text: str) -> Frequency:
    """Parse a chosen frequency; empty for each issue.

    Raises:
        ListError: The newsletter does not offer it; the place names the field.
    """
    offered = offered_frequencies(session, newsletter_id)
    word = text.strip().lower() or Frequency.EACH.value
    if word not in {each.value for each in offered}:
        raise ListError(
            msg("This newsletter does not offer “{text}”.", text=text[:40]),
            place=Place(field="frequency"),
            remedy=msg("Choose from: {names}.", names=Listing(tuple(map(name_of, offered)))),
        )
    return Frequency(word)


def read_frequency_word(text: str) -> str | None:
    """Return the frequency for a word in a list; None for unknown words.

    A frequency that the newsletter does not offer may be stored; until it is offered, the
    subscriber gets each issue.
    """
    word = _folded(text)
    return (_WORDS.get(word) or _own_words().get(word)) if word else ""


def _folded(text: str) -> str:
    return "".join(normal_form(text).lower().split())


@cache
def _own_words() -> Mapping[str, str]:
    return {
        _folded(name_of(frequency).in_language(language)): frequency.value
        for frequency in Frequency
        for language in Language
    }


def change_frequency(
    session: Session,
    newsletter_id: int,
    subscriber_id: int,
    chosen: Frequency,
    *,
    shown: Frequency,
) -> bool:
    """Change a subscriber's frequency if it still is ``shown``; return whether it changed.

    Entries that wait for a digest are still sent with that digest.
    """
    changed = session.scalar(
        update(SubscriptionRow)
        .where(
            SubscriptionRow.newsletter_id == newsletter_id,
            SubscriptionRow.subscriber_id == subscriber_id,
            SubscriptionRow.frequency == shown,
            SubscriptionRow.frequency != chosen,
        )
        .values(frequency=chosen)
        .returning(SubscriptionRow.subscriber_id)
    )
    return changed is not None
