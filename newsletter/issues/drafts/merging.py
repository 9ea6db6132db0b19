"""Saving beside somebody who writes, too: what both did is kept, and only a clash is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletter.database.tables import DraftRevisionRow
from newsletter.database.types import now
from newsletter.database.vocabulary import RevisionKind
from newsletter.issues.drafts.saving import Draft, DraftConflictError, save_draft
from newsletter.issues.merging import KeptVersion, Version


@dataclass(frozen=True, kw_only=True, slots=True)
class MergedDraft:
    """A draft as it was saved; ``with_author`` is whose changes came into it, or empty."""

    draft: Draft
    with_author: str = ""


def save_merged(
    session: Session,
    draft: Draft,
    mine: Version,
    *,
    author: str,
    kind: RevisionKind = RevisionKind.SAVED,
    base: Version | None = None,
    choices: Mapping[str, KeptVersion] | None = None,
) -> MergedDraft:
    """Save what an editor made of ``draft``, with what others saved since.

    Args:
        session: The transaction.
        draft: As the editor knew it, by its revision.
        mine: What the editor made of it.
        author: Who saves.
        kind: What the history calls it.
        base: What the editor began with, where that is at hand; else the revision's, see `base_of`.
        choices: What was chosen for blocks that both changed, by their keys.

    Raises:
        DraftConflictError: Both changed the same block, and nothing was chosen for it.
        IssueSentError: Its issue was sent, or is about to be.
        NotFoundError: The draft is gone.
    """
    try:
        saved = save_draft(
            session, draft, mine.issue, author=author, template=mine.template, kind=kind
        )
    except DraftConflictError as conflict:
        known = DraftConflictError(conflict.theirs, conflict.mine, base or conflict.base)
        merged = known.merge
        if merged.open(choices or {}):
            raise known from None
        one = merged.resolved(choices or {})
        saved = save_draft(
            session, known.theirs, one.issue, author=author, template=one.template, kind=kind
        )
        return MergedDraft(draft=saved, with_author=known.theirs.author)
    return MergedDraft(draft=saved)


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
