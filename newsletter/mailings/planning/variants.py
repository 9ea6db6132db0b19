"""Variants: the different mails of one mailing, by the parts that readers are shown and by subject.

Planning evaluates in the database which conditions each reader meets. Each batch has readers of one
variant only, so sending evaluates nothing. A variant is rendered once, from the recipe that was
stored with the order, when planning first needs it.

A variant's number is the sum of 2^n over the conditions met, counted from n = 0, plus 2^60 times
the index of its subject in a trial. Variant 0, with no condition met and the issue's own subject,
is the mailing's content itself.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import BigInteger, ColumnElement, Engine, and_, case, func, literal, select
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    BatchRow,
    DeliveryRow,
    MailingRow,
    MailingVariantRow,
    NewsletterRow,
    SubjectTrialRow,
    SubscriberRow,
    SubscriptionRow,
)
from newsletter.errors import ConflictError, ListError
from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg, pmsg
from newsletter.i18n.values import LanguageName, Listing, Worded
from newsletter.issues.translations import read_language_condition
from newsletter.mailings.digests.entries import entry_clause
from newsletter.mailings.planning.audience import audience_of, language_clause
from newsletter.mailings.planning.content import (
    COMMON,
    MailingContent,
    load_content,
    load_numbered_recipe,
    load_recipe,
    planned_conditions,
    save_variant,
)
from newsletter.rendering.model import Subject
from newsletter.rendering.render import render_variant
from subscribers.fields.store import list_fields
from subscribers.segments.compile import segment_clause
from subscribers.segments.saved import (
    is_segment_name,
    list_segments,
    named_segment,
    segment_name,
    segment_text,
)
from subscribers.segments.wording import ConditionName, Labels, labels_of

#: Each variant is checked by preflight, and should be read by somebody before it is sent.
MOST_VARIANTS = 64
#: The maximum for digests, whose issues were checked already. Subscribers who joined or chose the
#: digest at different times get different sets of its issues.
MOST_IN_DIGEST = 1000
#: Together with the subject's index, a variant's number must fit into a 64-bit column.
MOST_CONDITIONS = 60
_PARTS: int = 2**MOST_CONDITIONS - 1
#: The maximum number of subjects in a trial.
MOST_SUBJECTS = 4
#: Seconds of rendering in one round of the workers; the next round continues.
_RENDERING_SECONDS = 5.0
#: How often reading is repeated if a correction takes effect between rendering and reading.
_TRIES = 3
_T = TypeVar("_T")


#: Between the conditions that the readers of one variant meet.
_BETWEEN = pmsg("between conditions", " + ")
_NONE_MET = pmsg("variant", "Only what is for everybody")
_ORIGINAL = pmsg("variant", "The original")
#: The maximum number of characters of a condition in a variant's name.
_NAMED = 60


@dataclass(frozen=True, slots=True)
class VariantName(Worded):
    """The name of a variant: the conditions that its readers meet.

    Attributes:
        by_language: Whether the variants differ by language only, so that readers who meet no
            condition get the original language.
    """

    met: tuple[str, ...]
    labels: Labels = field(default=(), compare=False)
    by_language: bool = field(default=False, compare=False)

    def in_language(self, language: Language) -> str:
        """Return the names of the conditions, or a name for readers who meet none."""
        names = [self._name(each).in_language(language) for each in self.met]
        none_met = _ORIGINAL if self.by_language else _NONE_MET
        return _BETWEEN.in_language(language).join(names) or none_met.in_language(language)

    def _name(self, condition: str) -> Worded:
        named = read_language_condition(condition)
        if named is None or self.by_language:
            return condition_name(condition, self.labels)
        # "English" alone could be confused with a condition "language is English" of a part.
        return pmsg("variant", "{language} version", language=LanguageName(named[0]))


def differ_by_language(conditions: Iterable[str]) -> bool:
    """Return whether all conditions of an issue are those of its translations."""
    return all(read_language_condition(each) is not None for each in conditions)


def condition_name(condition: str, labels: Labels = ()) -> Worded:
    """Return the name of a condition for use in sentences."""
    named = read_language_condition(condition)
    return LanguageName(named[0]) if named else _Shortened(ConditionName(condition, labels))


@dataclass(frozen=True, slots=True)
class _Shortened(Worded):
    """A name shortened for use in a sentence."""

    name: Worded

    def in_language(self, language: Language) -> str:
        """Return the name, cut if it is long."""
        words = self.name.in_language(language)
        return words if len(words) <= _NAMED else f"{words[:_NAMED]}…"


@dataclass(frozen=True, kw_only=True, slots=True)
class VariantCount:
    """A variant with the number of its readers.

    Attributes:
        met: The conditions that they meet, as written in the issue.
        labels: The labels of the newsletter's fields, for naming conditions.
        by_language: See `VariantName`.
    """

    number: int
    met: tuple[str, ...]
    people: int
    labels: Labels = field(default=(), compare=False)
    by_language: bool = field(default=False, compare=False)

    @property
    def name(self) -> VariantName:
        """The variant's name."""
        return VariantName(self.met, self.labels, self.by_language)


def queries_of(session: Session, newsletter_id: int, conditions: Sequence[str]) -> list[str]:
    """Return the queries of conditions, each of which names a saved segment or is a query.

    Raises:
        ListError: A condition is neither.
        ConflictError: There are too many conditions.
    """
    if len(conditions) > MOST_CONDITIONS:
        raise ConflictError(
            msg(
                "Its parts have {count} different conditions; at most {limit} are possible.",
                count=len(conditions),
                limit=MOST_CONDITIONS,
            ),
            remedy=msg("Use fewer conditions, or split the issue into several."),
        )
    return [condition_query(session, newsletter_id, condition) for condition in conditions]


def condition_query(session: Session, newsletter_id: int, condition: str) -> str:
    """Return the query of a condition; a language's condition is returned unchanged.

    Raises:
        ListError: The condition is neither the name of a saved segment nor a query.
    """
    if read_language_condition(condition) is not None:
        return condition
    name = segment_name(condition)
    # A name cannot be parsed as a query, so the segment must have been deleted.
    if is_segment_name(name) and named_segment(session, newsletter_id, name) is None:
        names = [row.name for row in list_segments(session, newsletter_id)]
        raise ListError(
            msg("There is no segment “{name}”.", name=name),
            remedy=msg("Choose a saved segment, or write a query.")
            if not names
            else msg("The choices are: {names}.", names=Listing(tuple(names))),
        )
    return segment_text(session, newsletter_id, condition)


def clause_beside_queries(condition: str) -> ColumnElement[bool] | None:
    """Return the clause of a condition that is no query: a digest's entry, or a language."""
    entry = entry_clause(condition)
    return language_clause(condition) if entry is None else entry


def variant_column(
    queries: Sequence[str], newsletter_id: int, *, time_zone: str
) -> ColumnElement[int]:
    """Return the SQL expression for the variant number of a subscription.

    Raises:
        ListError: A query is not valid.
    """
    number: ColumnElement[int] = literal(0, BigInteger())
    for place, query in enumerate(queries):
        met = clause_beside_queries(query)
        if met is None:
            met = segment_clause(query, newsletter_id, time_zone=time_zone)
        number = number + case((met, literal(2**place, BigInteger())), else_=0)
    return number


def with_subject(number: int, subject: int) -> int:
    """Return the number of the variant with the same parts and another subject."""
    return (number & _PARTS) + (subject << MOST_CONDITIONS)


def subject_in(number: int) -> int:
    """Return the index of a variant's subject in the trial."""
    return number // (_PARTS + 1)


def met_in(conditions: Sequence[str], number: int) -> tuple[str, ...]:
    """Return the conditions that the readers of a variant meet."""
    return tuple(condition for place, condition in enumerate(conditions) if number >> place & 1)


def count_variants(
    session: Session,
    newsletter: NewsletterRow,
    conditions: Sequence[str],
    segment: str = "",
    *,
    urgent: bool = False,
) -> Sequence[VariantCount]:
    """Return the variants that a mailing to a segment would have now, by number of readers.

    Raises:
        ListError: A condition or the segment is not valid.
        ConflictError: There are too many conditions.
    """
    queries = queries_of(session, newsletter.id, conditions)
    number = variant_column(queries, newsletter.id, time_zone=newsletter.time_zone)
    people = audience_of(newsletter.id, segment, time_zone=newsletter.time_zone, urgent=urgent)
    by_person = people.with_only_columns(number.label("variant")).subquery()
    counted = session.execute(
        select(by_person.c.variant, func.count())
        .group_by(by_person.c.variant)
        .order_by(func.count().desc(), by_person.c.variant)
    )
    return _counts(session, newsletter.id, conditions, [(each, size) for each, size in counted])


def _counts(
    session: Session,
    newsletter_id: int,
    conditions: Sequence[str],
    people: Iterable[tuple[int, int]],
) -> Sequence[VariantCount]:
    """Return variants for pairs of a number and its readers' count."""
    labels = labels_of(list_fields(session, newsletter_id))
    by_language = differ_by_language(conditions)
    return [
        VariantCount(
            number=number,
            met=met_in(conditions, number),
            people=count,
            labels=labels,
            by_language=by_language,
        )
        for number, count in people
    ]


def conditions_met(
    session: Session, newsletter: NewsletterRow, conditions: Sequence[str], subscriber_id: int
) -> tuple[str, ...]:
    """Return the conditions that a subscriber meets now; empty for people who do not subscribe.

    Raises:
        ListError: A condition is not valid.
        ConflictError: There are too many conditions.
    """
    queries = queries_of(session, newsletter.id, conditions)
    number = session.scalar(
        select(variant_column(queries, newsletter.id, time_zone=newsletter.time_zone))
        .select_from(SubscriberRow)
        .join(SubscriptionRow, SubscriptionRow.subscriber_id == SubscriberRow.id)
        .where(SubscriptionRow.newsletter_id == newsletter.id, SubscriberRow.id == subscriber_id)
    )
    return met_in(conditions, number or 0)


def variant_sent(session: Session, mailing_id: int, subscriber_id: int) -> int:
    """Return the variant that a subscriber got or will get; 0 without a delivery."""
    variant = session.scalar(
        select(BatchRow.variant)
        .join(
            DeliveryRow,
            and_(
                DeliveryRow.mailing_id == BatchRow.mailing_id,
                DeliveryRow.position.between(BatchRow.first_position, BatchRow.last_position),
            ),
        )
        .where(BatchRow.mailing_id == mailing_id, DeliveryRow.subscriber_id == subscriber_id)
    )
    return variant or 0


def content_of_reader(
    session: Session, mailing_id: int, subscriber_id: int, *, correction: int | None = None
) -> MailingContent:
    """Return the content for one reader of a mailing, present or with an earlier ``correction``.

    Raises:
        NotFoundError: There is no such mailing.
    """
    content = load_content(session, mailing_id, correction=correction)
    if not content.varies:
        return content
    variant = variant_sent(session, mailing_id, subscriber_id)
    return load_content(session, mailing_id, variant, correction=correction)


def original_of_reader(session: Session, mailing_id: int, subscriber_id: int) -> MailingContent:
    """Return the content for a reader of a translation, in the original language.

    Raises:
        NotFoundError: There is no such mailing.
        VariantsMissingError: See `read_rendered`.
    """
    if load_recipe(session, mailing_id) is None:
        return load_content(session, mailing_id)
    conditions = planned_conditions(session, mailing_id)
    met = met_in(conditions, variant_sent(session, mailing_id, subscriber_id))
    parts = tuple(each for each in met if read_language_condition(each) is None)
    return content_of_those_who_meet(session, mailing_id, conditions, parts)


def content_of_those_who_meet(
    session: Session, mailing_id: int, conditions: Sequence[str], met: Collection[str]
) -> MailingContent:
    """Return the content for readers who would meet these conditions, even if there are none.

    Raises:
        NotFoundError: There is no such mailing.
        VariantsMissingError: See `read_rendered`.
    """
    number = sum(2 ** conditions.index(each) for each in met)
    if missing := missing_variants(session, mailing_id, {number}):
        raise VariantsMissingError(mailing_id, missing)
    return load_content(session, mailing_id, number)


class VariantsMissingError(Exception):
    """A variant that readers need is not rendered yet."""

    def __init__(self, mailing_id: int, numbers: Collection[int]) -> None:
        super().__init__(mailing_id, sorted(numbers))
        self.mailing_id = mailing_id
        self.numbers = numbers


def read_rendered(engine: Engine, read: Callable[[Session], _T]) -> _T:
    """Return the result of ``read``; if it misses a variant, render and store that first.

    Translations can be opened in the archive by anybody and often, so they are rendered only once,
    like variants that are sent.

    Raises:
        TemplateError: The template fails for a variant.
    """
    for _try in range(_TRIES):
        try:
            with reading(engine) as session:
                return read(session)
        except VariantsMissingError as missing:
            render_missing(engine, missing.mailing_id, missing.numbers)
    with reading(engine) as session:
        return read(session)


def sent_variants(session: Session, mailing_id: int) -> Sequence[VariantCount]:
    """Return the variants of a planned mailing, by number of readers; empty if it has none.

    Raises:
        NotFoundError: There is no such mailing.
    """
    conditions = planned_conditions(session, mailing_id)
    if not conditions:
        return ()
    size = func.sum(BatchRow.last_position - BatchRow.first_position + 1)
    counted = session.execute(
        select(BatchRow.variant, size)
        .where(BatchRow.mailing_id == mailing_id)
        .group_by(BatchRow.variant)
    )
    people: Counter[int] = Counter()
    for variant, count in counted:
        people[with_subject(variant, 0)] += int(count)
    newsletter_id = session.get_one(MailingRow, mailing_id).newsletter_id
    most_first = sorted(people.items(), key=lambda each: (-each[1], each[0]))
    return _counts(session, newsletter_id, conditions, most_first)


def missing_variants(session: Session, mailing_id: int, needed: Collection[int]) -> frozenset[int]:
    """Return the needed variants of a mailing that are not rendered yet."""
    known = session.scalars(
        select(MailingVariantRow.variant)
        .join(MailingRow, MailingRow.id == MailingVariantRow.mailing_id)
        .where(
            MailingVariantRow.mailing_id == mailing_id,
            MailingVariantRow.correction == MailingRow.correction,
        )
    )
    return frozenset(needed) - {COMMON, *known}


def render_missing(engine: Engine, mailing_id: int, numbers: Collection[int]) -> bool:
    """Render and store variants of a mailing; return whether all of them are stored now.

    It stops after a few seconds, so that a round of the workers is not delayed. If it runs twice at
    the same time, the content that is stored first is kept.

    Raises:
        TemplateError: The template fails for a variant.
    """
    began = time.monotonic()
    with reading(engine) as session:
        correction, recipe = load_numbered_recipe(session, mailing_id)
        conditions = planned_conditions(session, mailing_id)
        others = other_subjects(session, mailing_id)
    if recipe is None:
        return True
    for number in sorted(numbers):
        if time.monotonic() - began > _RENDERING_SECONDS:
            return False
        place = subject_in(number)
        rendered = render_variant(
            recipe, met_in(conditions, number), others[place - 1] if place else None
        )
        with transaction(engine) as session:
            save_variant(session, mailing_id, number, rendered, correction=correction)
    return True


def other_subjects(session: Session, mailing_id: int) -> Sequence[Subject]:
    """Return the alternative subjects of a mailing's trial."""
    trial = session.get(SubjectTrialRow, mailing_id)
    return [Subject(**each) for each in trial.subjects[1:]] if trial else []


def require_few(count: int, *, most: int = MOST_VARIANTS) -> None:
    """Check the number of variants.

    Raises:
        ConflictError: There are more than ``most``.
    """
    if count > most:
        raise ConflictError(
            msg(
                "The conditions of its parts make {count} different emails; at most {limit} are "
                "possible.",
                count=count,
                limit=most,
            ),
            remedy=msg("Use fewer conditions, or split the issue into several."),
        )
