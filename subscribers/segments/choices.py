"""Choices of readers for a part of an issue, so that editors need not write queries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletter.database.tables import NewsletterRow, SubscriptionRow
from newsletter.database.vocabulary import FieldType
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Labelled, LanguageName, Worded
from subscribers.fields.model import Field
from subscribers.fields.store import list_fields
from subscribers.segments.model import (
    BuiltIn,
    Comparison,
    CustomField,
    Operator,
    QueryValue,
    format_query,
)
from subscribers.segments.saved import list_segments
from subscribers.segments.wording import ConditionName, labels_of
from subscribers.tagging import list_tags

#: The largest number of offered tags; for other tags, a segment can be built.
_MOST_TAGS = 60
#: The largest number of offered languages; any other can be typed.
_MOST_LANGUAGES = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class ReaderChoices:
    """Conditions of one kind, each with its label."""

    label: Worded
    choices: tuple[tuple[str, Worded], ...]


def reader_choices(session: Session, newsletter: NewsletterRow) -> Sequence[ReaderChoices]:
    """Return the choices of readers: segments, topics, tags, languages, options of fields."""
    fields = list_fields(session, newsletter.id)
    segments = tuple(
        (row.name, ConditionName(row.name)) for row in list_segments(session, newsletter.id)
    )
    tags = tuple(
        (_is(BuiltIn.TAG, tag), Labelled((), tag)) for tag in offered_tags(session, newsletter.id)
    )
    languages = dict.fromkeys((newsletter.language.value, *newsletter.languages))
    spoken = tuple((_is(BuiltIn.LANGUAGE, tag), LanguageName(tag)) for tag in languages)
    found = (
        ReaderChoices(label=msg("Saved segments"), choices=segments),
        *_of_fields([each for each in fields if each.is_topic]),
        ReaderChoices(label=msg("Tags"), choices=tags),
        # With a single language there is nothing to choose.
        ReaderChoices(label=msg("Languages"), choices=spoken if len(spoken) > 1 else ()),
        *_of_fields([each for each in fields if not each.is_topic]),
    )
    return [each for each in found if each.choices]


def offered_tags(session: Session, newsletter_id: int) -> Sequence[str]:
    """Return the first tags of a newsletter's people, which are offered as choices."""
    return list_tags(session, newsletter_id, limit=_MOST_TAGS)


def languages_of_people(session: Session, newsletter_id: int) -> Sequence[str]:
    """Return the language tags of a newsletter's people, the most frequent first."""
    language = SubscriptionRow.language
    return session.scalars(
        select(language)
        .where(SubscriptionRow.newsletter_id == newsletter_id, language != "")
        .group_by(language)
        .order_by(func.count().desc(), language)
        .limit(_MOST_LANGUAGES)
    ).all()


def conditions_in_words(
    session: Session, newsletter: NewsletterRow, conditions: Sequence[str]
) -> dict[str, Worded]:
    """Return the labels of conditions."""
    labels = labels_of(list_fields(session, newsletter.id))
    return {each: ConditionName(each, labels) for each in conditions}


def _of_fields(fields: Sequence[Field]) -> Iterator[ReaderChoices]:
    for field in fields:
        asked = CustomField(key=field.key)
        choices: list[tuple[str, Worded]] = [
            (_is(asked, option.value), Labelled(tuple(option.labels.items()), option.value))
            for option in field.options
        ]
        if field.type is FieldType.YES_NO:
            choices = [(_is(asked, True), msg("Yes")), (_is(asked, False), msg("No"))]  # noqa: FBT003 - the value to compare with
        yield ReaderChoices(label=field.named, choices=tuple(choices))


def _is(field: BuiltIn | CustomField, value: QueryValue) -> str:
    return format_query(Comparison(field=field, operator=Operator.EQUAL, value=value))
