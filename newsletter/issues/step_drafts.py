"""Drafts that are the issues of series' steps: the series sends them, and they show no date."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from newsletter.database.tables import DraftRow, SeriesRow, SeriesStepRow
from newsletter.issues.model import Issue


def series_of_draft(session: Session, draft_id: int) -> SeriesRow | None:
    """Return the series of which a draft is the issue of a step; None of an ordinary one."""
    return session.scalars(
        select(SeriesRow)
        .join(SeriesStepRow, SeriesStepRow.series_id == SeriesRow.id)
        .where(SeriesStepRow.draft_id == draft_id, SeriesStepRow.removed_at.is_(None))
        .limit(1)
    ).one_or_none()


def is_of_series() -> ColumnElement[bool]:
    """Return the condition that a draft is the issue of a step of a series."""
    return exists().where(SeriesStepRow.draft_id == DraftRow.id, SeriesStepRow.removed_at.is_(None))


def as_sent(session: Session, draft_id: int, issue: Issue) -> Issue:
    """Return what is written in a draft as its mail shows it: a step is sent on any day."""
    return issue if series_of_draft(session, draft_id) is None else replace(issue, undated=True)
