"""Saved segments: named queries, with a count and a sample of the matching people."""

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
        ListError: The name or the query is invalid.
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
    """Change the name or query of a saved segment; existing mailings keep their query.

    Args:
        session: The database session, in a transaction.
        newsletter_id: The newsletter of the segment.
        former: The present name.
        name: The new name.
        query: The new query.
        before: The query when the form was opened.

    Raises:
        ListError: The name or the query is invalid.
        NotFoundError: No segment has the former name.
        ConflictError: Somebody else changed the segment meanwhile, or the name is taken.
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
    """Return the saved segment with a name, ignoring differences in spaces and composition."""
    sought = segment_name(name)
    rows = list_segments(session, newsletter_id)
    return next((row for row in rows if segment_name(row.name) == sought), None)


def find_segment(session: Session, newsletter_id: int, name: str) -> SegmentRow:
    """Return a saved segment.

    Raises:
        NotFoundError: No segment has this name.
    """
    if (row := named_segment(session, newsletter_id, name)) is not None:
        return row
    names = ", ".join(row.name for row in list_segments(session, newsletter_id)) or "none yet"
    raise NotFoundError(
        msg("There is no segment “{name}”.", name=segment_name(name)),
        remedy=msg("The choices are: {names}.", names=names),
    )


def segment_text(session: Session, newsletter_id: int, name_or_query: str) -> str:
    """Return the query of the saved segment with this name, or else the text itself.

    Raises:
        ListError: The text is neither a name nor a valid query.
    """
    if (row := named_segment(session, newsletter_id, name_or_query)) is not None:
        return row.query
    if not name_or_query.strip():
        return ""
    return format_query(parse_query(name_or_query, list_fields(session, newsletter_id)))


def names_of_queries(session: Session, newsletter_id: int) -> Mapping[str, str]:
    """Return the names of the saved segments by query.

    A mailing stores the query of its segment. If the segment was changed or deleted since, the
    query has no name.
    """
    return {row.query: row.name for row in reversed(list_segments(session, newsletter_id))}


def require_fields(session: Session, newsletter_id: int, queries: Iterable[str]) -> None:
    """Refuse queries with a field that was deleted since they were written.

    Nobody has a value of such a field, so the query would match nobody or, with ``not``, everybody.

    Raises:
        ListError: A query uses a deleted field, or is invalid.
    """
    known = {field.key for field in list_fields(session, newsletter_id)}
    for query in filter(str.strip, queries):
        if missing := sorted(fields_of(parse_query(query)) - known):
            raise ListError(
                msg("There is no field “{name}”.", name=missing[0]),
                remedy=msg("It was deleted. Choose other recipients, and order the sending again."),
            )


def delete_segment(session: Session, newsletter_id: int, name: str) -> None:
    """Delete a saved segment; existing mailings keep their query.

    Raises:
        NotFoundError: No segment has this name.
        ConflictError: The segment is used for mail that is not sent yet; the remedy says where.
    """
    row = find_segment(session, newsletter_id, name)
    require_unused(session, newsletter_id, row)
    session.execute(delete(SegmentRow).where(SegmentRow.id == row.id))


def count_segment(session: Session, newsletter: NewsletterRow, query: str) -> int:
    """Return the current number of confirmed, mailable subscribers in a segment."""
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


#: Characters with a meaning in queries or in URLs.
_NOT_IN_NAMES = re.compile(r"""[=<>()",.\\/?#%\[\]]""")
LONGEST_NAME = 64
#: This name is the path of the page that creates a segment.
_RESERVED_NAMES = frozenset({"new"})


def segment_name(text: str) -> str:
    """Return a segment's name in stored form: composed letters, one space between words."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def is_segment_name(name: str) -> bool:
    """Return whether a name is allowed: it must not look like a query.

    Args:
        name: The name in the form of ``segment_name``.
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
    """The kinds of objects that can use a segment."""

    DRAFT = "draft"
    PATTERN = "pattern"
    #: An issue for the segment with a pending request for approval.
    APPROVAL = "approval"
    #: It stores the segment's query from the time of its order.
    MAILING = "mailing"
    #: It stores the segment's query from the time when the series was set up.
    SERIES = "series"

    @property
    def by_name(self) -> bool:
        """Whether it refers to the segment by name, so that the segment cannot be deleted."""
        return self not in {SegmentUser.MAILING, SegmentUser.SERIES}


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentUse:
    """A use of a segment.

    Attributes:
        number: The id of the draft, pattern, issue, mailing or series.
    """

    user: SegmentUser
    number: int
    title: str


def uses_of_segment(session: Session, newsletter_id: int, row: SegmentRow) -> Sequence[SegmentUse]:
    """Return the first twenty uses of a segment."""
    return list(islice(_uses(session, newsletter_id, row), _MOST))


def require_unused(session: Session, newsletter_id: int, row: SegmentRow) -> None:
    """Refuse if a segment is used by name.

    Raises:
        ConflictError: The segment is used; the message says where.
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
    """Return the condition that an issue has a mailing, except one cancelled before sending."""
    return select(MailingRow.id).where(MailingRow.issue_id == issue_id, keeps_its_issue()).exists()


def _has_conditions(content: InstrumentedAttribute[dict[str, Any]]) -> ColumnElement[bool]:
    """Return the condition that an issue's JSON may contain a part for some readers."""
    return cast(content, Text).like('%"condition"%')


def _names(content: dict[str, Any], name: str) -> bool:
    return segment_name(name) in map(segment_name, conditions_of(issue_from_json(content)))
