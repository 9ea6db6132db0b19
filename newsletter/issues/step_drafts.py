"""Drafts of series' steps, which are sent by the series and show no date."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from newsletter.database.tables import DraftRow, SeriesRow, SeriesStepRow
from newsletter.issues.model import Issue


def series_of_draft(session: Session, draft_id: int) -> SeriesRow | None:
    """Return the series that a draft is a step of; None for other drafts."""
    return session.scalars(
        select(SeriesRow)
        .join(SeriesStepRow, SeriesStepRow.series_id == SeriesRow.id)
        .where(SeriesStepRow.draft_id == draft_id, SeriesStepRow.removed_at.is_(None))
        .limit(1)
    ).one_or_none()


def is_of_series() -> ColumnElement[bool]:
    """Return the condition that a draft is a step of a series."""
    return exists().where(SeriesStepRow.draft_id == DraftRow.id, SeriesStepRow.removed_at.is_(None))


def as_sent(session: Session, draft_id: int, issue: Issue) -> Issue:
    """Return a draft's issue as it is sent: steps of series are undated."""
    return issue if series_of_draft(session, draft_id) is None else replace(issue, undated=True)
