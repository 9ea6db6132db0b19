"""Presence: who else saved a draft a moment ago, and may still be writing in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletter.database.tables import DraftRevisionRow
from newsletter.database.types import now

#: Whoever saved longer ago than this has turned to something else.
_RECENT = timedelta(minutes=10)


def others_writing(session: Session, draft_id: int, *, besides: str) -> Sequence[str]:
    """Return who but one person saved a draft within the last ten minutes, the latest first."""
    return session.scalars(
        select(DraftRevisionRow.author)
        .where(
            DraftRevisionRow.draft_id == draft_id,
            DraftRevisionRow.author != besides,
            DraftRevisionRow.saved_at > now() - _RECENT,
        )
        .group_by(DraftRevisionRow.author)
        .order_by(func.max(DraftRevisionRow.saved_at).desc())
    ).all()
