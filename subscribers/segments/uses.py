"""Where a saved segment is used: in drafts, in requests for approval, in mailings to come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from newsletter.database.tables import (
    ApprovalRow,
    DraftRow,
    IssuePatternRow,
    IssueRow,
    MailingRow,
    SegmentRow,
    SeriesRow,
)
from newsletter.database.vocabulary import OVER, SeriesState
from newsletter.errors import ConflictError
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Listing
from newsletter.issues.conditions import conditions_of
from newsletter.issues.model import issue_from_json
from newsletter.issues.sent import keeps_its_issue
from subscribers.segments.names import segment_name

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
