"""Audiences: who gets a mailing, in which language, and why the others do not."""

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
    """Why somebody on the list gets no copy; the first that applies, in this order.

    Who reads it in a digest is left out of a mailing of issues for nothing else.
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
    """How many would get a mailing now.

    Attributes:
        beyond_ascii: Those of ``included`` whose address a relay without SMTPUTF8 (RFC 6531) must
            refuse.
    """

    included: int
    left_out: Mapping[LeftOut, int]
    beyond_ascii: int

    @property
    def in_digests(self) -> Mapping[str, int]:
        """How many read it in a digest instead, by its frequency's word."""
        return {
            frequency.value: self.left_out.get(why, 0) for frequency, why in _BY_FREQUENCY.items()
        }

    @property
    def reached(self) -> int:
        """How many would read it, be it in a digest."""
        return self.included + sum(self.in_digests.values())


class _Octets(GenericFunction[int]):
    type = Integer()
    inherit_cache = True
    name = "octet_length"


@compiles(_Octets, "sqlite")
def _octets_in_sqlite(element: _Octets, compiler: SQLCompiler, **options: object) -> str:
    # SQLite knows octet_length from 3.43 on.
    return f"length(CAST({compiler.process(element.clauses, **options)} AS BLOB))"


def audience(mailing: MailingRow, *, time_zone: str) -> Select[int]:
    """Select everybody subscribed, confirmed, in the segment, not pausing, not suppressed.

    Of an issue, who reads it in a digest is not among them, unless it is urgent. A digest goes to
    those for whom something was set aside, whatever they chose since.

    Args:
        mailing: Whose audience; its segment is a query, blank for everybody.
        time_zone: The newsletter's, in which the segment's days begin.
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
    """Select whom a mailing to a segment would go to now; an urgent one whatever they chose.

    Raises:
        ListError: The segment is none.
    """
    people = _everybody(newsletter_id, segment, time_zone)
    return people if urgent else people.where(~reads_digests(newsletter_id))


def digest_readers(newsletter_id: int, segment: str, *, time_zone: str) -> Select[int]:
    """Select those who read a mailing to a segment in a digest: whom `audience_of` leaves out.

    Raises:
        ListError: The segment is none.
    """
    return _everybody(newsletter_id, segment, time_zone).where(reads_digests(newsletter_id))


def reads_digests(newsletter_id: int) -> ColumnElement[bool]:
    """Return the condition that a subscription is for a digest which the newsletter offers."""
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
    """Count who would get a mailing of this segment now, and why the others would not.

    Raises:
        ListError: The segment is none.
    """
    conditions = _conditions(newsletter.id, segment, newsletter.time_zone)
    gets_each = true() if urgent else ~reads_digests(newsletter.id)
    # Unknown counts as no, as it does in the audience: so the last reason is what remains.
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
    """Return whether anybody would get a mailing of this segment now, be it in a digest.

    Raises:
        ListError: The segment is none.
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
    """Return the count of `count_audience`, as of when it was counted.

    Raises:
        ListError: The segment is none.
    """
    key = ("audience", newsletter.id, newsletter.time_zone, segment, urgent)
    return figures.of(
        session, key, lambda counting: count_audience(counting, newsletter, segment, urgent=urgent)
    )


def _conditions(
    newsletter_id: int, segment: str, time_zone: str
) -> dict[LeftOut, ColumnElement[bool]]:
    """Return what everybody in an audience meets, by the reason for leaving out who does not."""
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
