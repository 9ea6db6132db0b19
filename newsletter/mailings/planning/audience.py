"""Audiences: which subscribers get a mailing, in which language, and why others are left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import (
    ColumnElement,
    Exists,
    Select,
    String,
    and_,
    case,
    exists,
    false,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import Integer

from newsletter.database.tables import (
    DigestEntryRow,
    DigestRuleRow,
    MailingRow,
    NewsletterRow,
    SubscriberRow,
    SubscriptionRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import Frequency, MailingKind, SubscriptionState
from newsletter.i18n.language import tags_within
from newsletter.issues.model import Issue
from newsletter.issues.translations import language_condition, read_language_condition
from newsletter.mailings.corrections.copies import lacks_correction
from newsletter.mailings.reports.cached_figures import Figure, Figures
from subscribers.segments.compile import segment_clause
from subscribers.suppression import is_suppressed


class LeftOut(StrEnum):
    """The reason why a subscriber gets no copy; the first that applies, in this order.

    ``DIGEST`` applies last: such subscribers meet all other conditions and read the issue in a
    digest.
    """

    ERASED = "erased"
    LEFT = "left"
    UNCONFIRMED = "unconfirmed"
    SUPPRESSED = "suppressed"
    PAUSED = "paused"
    OTHER_SEGMENT = "other-segment"
    WEEKLY_DIGEST = "weekly-digest"
    MONTHLY_DIGEST = "monthly-digest"


_BY_FREQUENCY = {
    Frequency.WEEKLY: LeftOut.WEEKLY_DIGEST,
    Frequency.MONTHLY: LeftOut.MONTHLY_DIGEST,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class AudienceCount:
    """The number of subscribers who would get a mailing now.

    Attributes:
        beyond_ascii: How many of ``included`` have an address that needs SMTPUTF8 (RFC 6531), which
            relays without that extension reject.
    """

    included: int
    left_out: Mapping[LeftOut, int]
    beyond_ascii: int

    @property
    def in_digests(self) -> Mapping[str, int]:
        """The number of subscribers who read it in a digest instead, by frequency."""
        return {
            frequency.value: self.left_out.get(why, 0) for frequency, why in _BY_FREQUENCY.items()
        }

    @property
    def reached(self) -> int:
        """The number of readers, including those who read it in a digest."""
        return self.included + sum(self.in_digests.values())


class _Octets(GenericFunction[int]):
    type = Integer()
    inherit_cache = True
    name = "octet_length"


@compiles(_Octets, "sqlite")
def _octets_in_sqlite(element: _Octets, compiler: SQLCompiler, **options: object) -> str:
    # SQLite has octet_length only from version 3.43.
    return f"length(CAST({compiler.process(element.clauses, **options)} AS BLOB))"


def audience(mailing: MailingRow, *, time_zone: str) -> Select[int]:
    """Return the query of a mailing's audience.

    It selects confirmed subscribers in the segment who are neither pausing nor suppressed. For an
    issue that is not urgent, digest readers are left out. A digest goes to subscribers who have
    entries, even if they changed their frequency since.

    Args:
        mailing: The mailing; its segment is a query, blank for all subscribers.
        time_zone: The newsletter's time zone, in which the days of the segment begin.
    """
    everybody = mailing.urgent or mailing.kind is not MailingKind.ISSUE
    people = audience_of(
        mailing.newsletter_id, mailing.segment, time_zone=time_zone, urgent=everybody
    )
    if mailing.kind is MailingKind.DIGEST:
        waits = exists().where(
            DigestEntryRow.digest_mailing_id == mailing.id,
            DigestEntryRow.subscriber_id == SubscriberRow.id,
        )
        people = people.where(waits)
    if mailing.kind is MailingKind.CORRECTION and mailing.issue_id is not None:
        people = people.where(lacks_correction(mailing.issue_id, mailing.correction))
    return people


def audience_of(
    newsletter_id: int, segment: str, *, time_zone: str, urgent: bool = False
) -> Select[int]:
    """Return the query of the audience of a mailing to a segment; urgent includes digest readers.

    Raises:
        ListError: The segment is not valid.
    """
    people = _everybody(newsletter_id, segment, time_zone)
    return people if urgent else people.where(~reads_digests(newsletter_id))


def digest_readers(newsletter_id: int, segment: str, *, time_zone: str) -> Select[int]:
    """Return the query of digest readers in a segment, whom `audience_of` leaves out.

    Raises:
        ListError: The segment is not valid.
    """
    return _everybody(newsletter_id, segment, time_zone).where(reads_digests(newsletter_id))


def reads_digests(newsletter_id: int) -> ColumnElement[bool]:
    """Return the condition that a subscriber chose a digest that the newsletter offers."""
    return offers_digests(newsletter_id).where(DigestRuleRow.frequency == SubscriptionRow.frequency)


def offers_digests(newsletter_id: int) -> Exists:
    """Return the condition that a newsletter offers a digest."""
    return exists().where(DigestRuleRow.newsletter_id == newsletter_id, DigestRuleRow.offered)


def _everybody(newsletter_id: int, segment: str, time_zone: str) -> Select[int]:
    conditions = _conditions(newsletter_id, segment, time_zone)
    return (
        select(SubscriberRow.id)
        .join(SubscriptionRow, SubscriptionRow.subscriber_id == SubscriberRow.id)
        .where(SubscriptionRow.newsletter_id == newsletter_id, *conditions.values())
    )


def count_audience(
    session: Session, newsletter: NewsletterRow, segment: str, *, urgent: bool = False
) -> AudienceCount:
    """Count who would get a mailing to this segment now, and the others by reason.

    Raises:
        ListError: The segment is not valid.
    """
    conditions = _conditions(newsletter.id, segment, newsletter.time_zone)
    gets_each = true() if urgent else ~reads_digests(newsletter.id)
    # NULL counts as false, as in the audience's WHERE clause; the last reason is the ELSE branch.
    reason: ColumnElement[str] = case(
        (and_(*conditions.values(), gets_each), "included"),
        *(
            (and_(*conditions.values(), SubscriptionRow.frequency == frequency), why.value)
            for frequency, why in _BY_FREQUENCY.items()
        ),
        *((~keeps, why.value) for why, keeps in list(conditions.items())[:-1]),
        else_=LeftOut.OTHER_SEGMENT.value,
    ).cast(String)
    address = SubscriberRow.address
    beyond = case((_Octets(address) > func.length(address), 1), else_=0)
    people = (
        select(reason.label("reason"), beyond.label("beyond"))
        .select_from(SubscriberRow)
        .join(SubscriptionRow, SubscriptionRow.subscriber_id == SubscriberRow.id)
        .where(SubscriptionRow.newsletter_id == newsletter.id)
        .subquery()
    )
    counted = session.execute(
        select(people.c.reason, func.count(), func.sum(people.c.beyond)).group_by(people.c.reason)
    ).all()
    sizes = {name: (size, int(beyond_ascii or 0)) for name, size, beyond_ascii in counted}
    included, beyond_ascii = sizes.pop("included", (0, 0))
    return AudienceCount(
        included=included,
        left_out={why: sizes[why.value][0] for why in LeftOut if why.value in sizes},
        beyond_ascii=beyond_ascii,
    )


def has_audience(session: Session, newsletter: NewsletterRow, segment: str) -> bool:
    """Return whether anybody would get a mailing to this segment now, even if in a digest.

    Raises:
        ListError: The segment is not valid.
    """
    people = audience_of(newsletter.id, segment, time_zone=newsletter.time_zone, urgent=True)
    return session.scalar(people.limit(1)) is not None


def audience_figure(
    session: Session,
    newsletter: NewsletterRow,
    segment: str,
    figures: Figures,
    *,
    urgent: bool = False,
) -> Figure[AudienceCount]:
    """Return the cached result of `count_audience`, with the time of counting.

    Raises:
        ListError: The segment is not valid.
    """
    key = ("audience", newsletter.id, newsletter.time_zone, segment, urgent)
    return figures.of(
        session, key, lambda counting: count_audience(counting, newsletter, segment, urgent=urgent)
    )


def _conditions(
    newsletter_id: int, segment: str, time_zone: str
) -> dict[LeftOut, ColumnElement[bool]]:
    """Return the conditions of an audience, by the reason for leaving out those who fail them."""
    return {
        LeftOut.ERASED: SubscriberRow.address_key.is_not(None),
        LeftOut.LEFT: SubscriptionRow.state != SubscriptionState.UNSUBSCRIBED,
        LeftOut.UNCONFIRMED: SubscriptionRow.state == SubscriptionState.CONFIRMED,
        LeftOut.SUPPRESSED: ~is_suppressed(SubscriberRow.address_key, newsletter_id),
        LeftOut.PAUSED: or_(
            SubscriptionRow.paused_until.is_(None), SubscriptionRow.paused_until <= now()
        ),
        LeftOut.OTHER_SEGMENT: segment_clause(segment, newsletter_id, time_zone=time_zone),
    }


def language_clause(condition: str) -> ColumnElement[bool] | None:
    """Return the clause on subscriptions for a language's condition; None for other conditions.

    The rule which translation a reader gets is in `newsletter.issues.translations`.
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
    """Return the condition that a subscriber's language is this tag or a more specific one."""
    return or_(false(), *_forms(tag))


def _forms(tag: str) -> Iterator[ColumnElement[bool]]:
    language = func.lower(SubscriptionRow.language)
    for form in tags_within(tag):
        yield language == form.lower()
        # Language tags contain no LIKE wildcards.
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
