"""Saved segments: named questions, with a count and a sample before anybody is mailed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, cast, delete, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from newsletter.database.tables import (
    ApprovalRow,
    DraftRow,
    IssuePatternRow,
    IssueRow,
    MailingRow,
    NewsletterRow,
    SegmentRow,
    SeriesRow,
    SubscriberRow,
    SubscriptionRow,
)
from newsletter.database.vocabulary import OVER, SeriesState, SubscriptionState
from newsletter.errors import ConflictError, ListError, NotFoundError, Place
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Listing
from newsletter.issues.conditions import conditions_of
from newsletter.issues.model import issue_from_json
from newsletter.issues.sent import keeps_its_issue
from subscribers.fields.store import list_fields
from subscribers.segments.compile import segment_clause
from subscribers.segments.model import fields_of, format_query
from subscribers.segments.parse import parse_query
from subscribers.suppression import is_suppressed


def save_segment(session: Session, newsletter_id: int, *, name: str, query: str) -> SegmentRow:
    """Save a segment in its normal form.

    Raises:
        ListError: The name or the query is none.
        ConflictError: The name is taken.
    """
    row = SegmentRow(newsletter_id=newsletter_id)
    _write(session, row, name=name, query=query)
    session.add(row)
    session.flush()
    return row


def change_segment(
    session: Session, newsletter_id: int, former: str, *, name: str, query: str, before: str
) -> SegmentRow:
    """Give a saved segment another name or query; mailings keep the text they were made with.

    Args:
        session: Within the transaction that changes it.
        newsletter_id: Whose segment it is.
        former: Its name until now.
        name: Its name from now on.
        query: Whom it asks for.
        before: Whom it asked for when it was opened.

    Raises:
        ListError: The name or the query is none.
        NotFoundError: There is no segment of the former name any more.
        ConflictError: Somebody else changed it meanwhile, or the name is taken.
    """
    row = session.scalars(
        select(SegmentRow)
        .where(SegmentRow.newsletter_id == newsletter_id, SegmentRow.name == former)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise NotFoundError(msg("There is no segment “{name}”.", name=former))
    if row.query != before:
        raise ConflictError(
            msg("Somebody else changed the segment “{name}” meanwhile.", name=former),
            remedy=msg("Open it again, and make your change there."),
        )
    _write(session, row, name=name, query=query)
    session.flush()
    return row


def _write(session: Session, row: SegmentRow, *, name: str, query: str) -> None:
    name = segment_name(name)
    if not is_segment_name(name):
        raise ListError(
            msg("“{name}” cannot be the name of a segment.", name=name),
            place=Place(source=msg("segment"), field="name"),
            remedy=msg(
                "Use up to {limit} letters, digits, blanks and hyphens, beginning with a letter or"
                " a digit.",
                limit=LONGEST_NAME,
            ),
        )
    if not query.strip():
        raise ListError(
            msg("A segment needs a condition."),
            place=Place(source=msg("segment")),
            remedy=msg("Add one, or choose everybody where you send."),
        )
    row.query = format_query(parse_query(query, list_fields(session, row.newsletter_id)))
    if name == row.name:
        return
    taken = select(SegmentRow.id).where(
        SegmentRow.newsletter_id == row.newsletter_id, SegmentRow.name == name
    )
    if session.scalar(taken) is not None:
        raise ConflictError(
            msg("There is already a segment “{name}”.", name=name),
            place=Place(source=msg("segment"), field="name"),
            remedy=msg("Choose another name."),
        )
    row.name = name


def list_segments(session: Session, newsletter_id: int) -> Sequence[SegmentRow]:
    """Return a newsletter's segments by name."""
    return session.scalars(
        select(SegmentRow)
        .where(SegmentRow.newsletter_id == newsletter_id)
        .order_by(SegmentRow.name)
    ).all()


def named_segment(session: Session, newsletter_id: int, name: str) -> SegmentRow | None:
    """Return the saved segment of a name, however it is spaced and composed; None for none."""
    sought = segment_name(name)
    rows = list_segments(session, newsletter_id)
    return next((row for row in rows if segment_name(row.name) == sought), None)


def find_segment(session: Session, newsletter_id: int, name: str) -> SegmentRow:
    """Return a saved segment.

    Raises:
        NotFoundError: There is none of that name.
    """
    if (row := named_segment(session, newsletter_id, name)) is not None:
        return row
    names = ", ".join(row.name for row in list_segments(session, newsletter_id)) or "none yet"
    raise NotFoundError(
        msg("There is no segment “{name}”.", name=segment_name(name)),
        remedy=msg("The choices are: {names}.", names=names),
    )


def segment_text(session: Session, newsletter_id: int, name_or_query: str) -> str:
    """Return the query of a saved segment, or the text itself when it names none.

    Raises:
        ListError: It is neither.
    """
    if (row := named_segment(session, newsletter_id, name_or_query)) is not None:
        return row.query
    if not name_or_query.strip():
        return ""
    return format_query(parse_query(name_or_query, list_fields(session, newsletter_id)))


def names_of_queries(session: Session, newsletter_id: int) -> Mapping[str, str]:
    """Return what the saved segments are called, by what they ask for.

    A mailing keeps what its segment asked for; where that asks for something else since, or is no
    more, the query has no name.
    """
    return {row.query: row.name for row in reversed(list_segments(session, newsletter_id))}


def demand_fields(session: Session, newsletter_id: int, queries: Iterable[str]) -> None:
    """Refuse queries that ask for a field which was deleted since they were written.

    Nobody has a value of it: such a query would find nobody, or with ``not`` everybody.

    Raises:
        ListError: One does, or is none.
    """
    known = {field.key for field in list_fields(session, newsletter_id)}
    for query in filter(str.strip, queries):
        if missing := sorted(fields_of(parse_query(query)) - known):
            raise ListError(
                msg("There is no field “{name}”.", name=missing[0]),
                remedy=msg("It was deleted. Choose other recipients, and order the sending again."),
            )


def delete_segment(session: Session, newsletter_id: int, name: str) -> None:
    """Delete a saved segment; mailings keep the text they were made with.

    Raises:
        NotFoundError: There is none of that name.
        ConflictError: Something that is yet to be sent names it; the remedy says where.
    """
    row = find_segment(session, newsletter_id, name)
    demand_unused(session, newsletter_id, row)
    session.execute(delete(SegmentRow).where(SegmentRow.id == row.id))


def count_segment(session: Session, newsletter: NewsletterRow, query: str) -> int:
    """Return how many confirmed, mailable subscribers a segment has now."""
    people = _people(newsletter, query).subquery()
    return session.scalar(select(func.count()).select_from(people)) or 0


def sample_segment(
    session: Session, newsletter: NewsletterRow, query: str, *, size: int
) -> Sequence[str]:
    """Return some of a segment's addresses."""
    rows = session.execute(_people(newsletter, query).order_by(SubscriberRow.id).limit(size))
    return [row.address or "" for row in rows]


def _people(newsletter: NewsletterRow, query: str) -> Select[str | None]:
    return (
        select(SubscriberRow.address)
        .join(SubscriptionRow, SubscriptionRow.subscriber_id == SubscriberRow.id)
        .where(
            SubscriptionRow.newsletter_id == newsletter.id,
            SubscriptionRow.state == SubscriptionState.CONFIRMED,
            SubscriberRow.address_key.is_not(None),
            ~is_suppressed(SubscriberRow.address_key, newsletter.id),
            segment_clause(query, newsletter.id, time_zone=newsletter.time_zone),
        )
    )


#: The signs of a query, and those that mean something in an address of the web.
_NOT_IN_NAMES = re.compile(r"""[=<>()",.\\/?#%\[\]]""")
LONGEST_NAME = 64
#: Its page would be that of a segment to be made.
_RESERVED_NAMES = frozenset({"new"})


def segment_name(text: str) -> str:
    """Return a segment's name as it is kept: composed letters, one blank between words."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def is_segment_name(name: str) -> bool:
    """Return whether a segment may be called so: words in which nobody can read a query.

    Args:
        name: In the form of ``segment_name``.
    """
    return (
        re.match(r"\w", name) is not None
        and len(name) <= LONGEST_NAME
        and name.isprintable()
        and _NOT_IN_NAMES.search(name) is None
        and name.casefold() not in _RESERVED_NAMES
        and not _is_query(name)
    )


def _is_query(text: str) -> bool:
    try:
        parse_query(text)
    except ListError:
        return False
    return True


_MOST = 20


class SegmentUser(StrEnum):
    """What can use a segment."""

    DRAFT = "draft"
    PATTERN = "pattern"
    #: An issue whose approval is asked for, to be sent to the segment.
    APPROVAL = "approval"
    #: It has the segment's query as it was when it was ordered.
    MAILING = "mailing"
    #: Likewise, as it was when the series was set.
    SERIES = "series"

    @property
    def by_name(self) -> bool:
        """Whether it names the segment, and so cannot be without it."""
        return self not in {SegmentUser.MAILING, SegmentUser.SERIES}


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentUse:
    """A use of a segment.

    Attributes:
        number: Of the draft, pattern, issue, mailing or series.
    """

    user: SegmentUser
    number: int
    title: str


def uses_of_segment(session: Session, newsletter_id: int, row: SegmentRow) -> Sequence[SegmentUse]:
    """Return where a segment is used, the first twenty."""
    return list(islice(_uses(session, newsletter_id, row), _MOST))


def demand_unused(session: Session, newsletter_id: int, row: SegmentRow) -> None:
    """Refuse to go on where something names a segment.

    Raises:
        ConflictError: It does; the words say where.
    """
    titles = [use.title for use in uses_of_segment(session, newsletter_id, row) if use.user.by_name]
    if titles:
        raise ConflictError(
            msg(
                "The segment “{name}” is used in: {titles}.",
                name=row.name,
                titles=Listing(tuple(titles)),
            ),
            remedy=msg("Choose another segment there first."),
        )


def _uses(session: Session, newsletter_id: int, row: SegmentRow) -> Iterator[SegmentUse]:
    drafts = select(DraftRow).where(
        DraftRow.newsletter_id == newsletter_id,
        _has_conditions(DraftRow.content),
        ~_sent(DraftRow.issue_id),
    )
    for draft in session.scalars(drafts.order_by(DraftRow.id.desc())):
        if _names(draft.content, row.name):
            yield SegmentUse(
                user=SegmentUser.DRAFT, number=draft.id, title=str(draft.content.get("title", ""))
            )
    patterns = select(IssuePatternRow).where(
        IssuePatternRow.newsletter_id == newsletter_id, _has_conditions(IssuePatternRow.content)
    )
    for pattern in session.scalars(patterns.order_by(IssuePatternRow.id.desc())):
        if _names(pattern.content, row.name):
            yield SegmentUse(user=SegmentUser.PATTERN, number=pattern.id, title=pattern.name)
    asked = (
        select(ApprovalRow, IssueRow)
        .join(IssueRow, IssueRow.id == ApprovalRow.issue_id)
        .where(
            IssueRow.newsletter_id == newsletter_id,
            ApprovalRow.plan.is_not(None),
            ApprovalRow.issue_version == IssueRow.version,
            ~_sent(IssueRow.id),
        )
        .order_by(ApprovalRow.id.desc())
    )
    for approval, issue in session.execute(asked):
        if segment_name((approval.plan or {}).get("segment", "")) == segment_name(row.name):
            yield SegmentUse(user=SegmentUser.APPROVAL, number=issue.id, title=issue.title)
    series = select(SeriesRow).where(
        SeriesRow.newsletter_id == newsletter_id,
        SeriesRow.condition == row.query,
        SeriesRow.state != SeriesState.ENDED,
    )
    for each in session.scalars(series.order_by(SeriesRow.id.desc())):
        yield SegmentUse(user=SegmentUser.SERIES, number=each.id, title=each.name)
    mailings = select(MailingRow).where(
        MailingRow.newsletter_id == newsletter_id,
        MailingRow.segment == row.query,
        MailingRow.state.not_in(OVER),
    )
    for mailing in session.scalars(mailings.order_by(MailingRow.id.desc())):
        yield SegmentUse(user=SegmentUser.MAILING, number=mailing.id, title=mailing.title)


def _sent(issue_id: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    """Whether an issue has a mailing, which has its queries; one cancelled unsent has none."""
    return select(MailingRow.id).where(MailingRow.issue_id == issue_id, keeps_its_issue()).exists()


def _has_conditions(content: InstrumentedAttribute[dict[str, Any]]) -> ColumnElement[bool]:
    """Whether an issue's JSON may have a part for some readers in it."""
    return cast(content, Text).like('%"condition"%')


def _names(content: dict[str, Any], name: str) -> bool:
    return segment_name(name) in map(segment_name, conditions_of(issue_from_json(content)))
