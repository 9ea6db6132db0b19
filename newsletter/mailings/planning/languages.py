"""Languages of readers: who gets which translation of an issue, as conditions of the database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sqlalchemy import ColumnElement, false, func, or_
from sqlalchemy.orm import Session

from newsletter.database.tables import NewsletterRow, SubscriptionRow
from newsletter.i18n.language import tags_within
from newsletter.issues.model import Issue
from newsletter.issues.translations import language_condition, read_language_condition
from newsletter.mailings.planning.audience import audience_of


def language_clause(condition: str) -> ColumnElement[bool] | None:
    """Return a language's condition as one on subscriptions; None where it is another condition.

    See `newsletter.issues.translations` for which translation somebody gets.
    """
    named = read_language_condition(condition)
    if named is None:
        return None
    tag, besides = named
    clause = _reads(tag)
    for closer in besides:
        clause &= ~_reads(closer)
    return clause


def _reads(tag: str) -> ColumnElement[bool]:
    """Return the condition that somebody's language is one, or a more exact form of it."""
    return or_(false(), *_forms(tag))


def _forms(tag: str) -> Iterator[ColumnElement[bool]]:
    language = func.lower(SubscriptionRow.language)
    for form in tags_within(tag):
        yield language == form.lower()
        # A tag has neither sign that LIKE knows.
        yield language.like(f"{form.lower()}-%")


def count_languages(
    session: Session, newsletter: NewsletterRow, issue: Issue, tags: Iterable[str]
) -> Mapping[str, int]:
    """Return how many subscribers would get each translation if all of them were complete."""
    people = audience_of(newsletter.id, "", time_zone=newsletter.time_zone)
    counts: dict[str, int] = {}
    for tag in tags:
        clause = language_clause(language_condition(issue, tag))
        if clause is not None:
            counted = people.where(clause).with_only_columns(func.count()).order_by(None)
            counts[tag] = session.scalar(counted) or 0
    return counts
