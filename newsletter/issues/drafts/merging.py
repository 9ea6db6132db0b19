"""Concurrent editing of drafts: changes are merged, and the user decides about conflicts only."""

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
    """A saved draft; ``with_author`` is the author of merged changes, or empty."""

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
    """Save a changed draft, merged with changes that others saved since.

    Args:
        session: The database session, in a transaction.
        draft: The draft with the revision that the editor started from.
        mine: The changed version.
        author: The author.
        kind: The kind of the new revision.
        base: The version that the editor started from, if known; otherwise that of the revision,
            see `base_of`.
        choices: The choices for conflicting blocks, by key.

    Raises:
        DraftConflictError: Both changed the same block, and there is no choice for it.
        IssueSentError: The draft's issue was sent or ordered.
        NotFoundError: The draft was deleted.
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


#: People who saved longer ago than this are not shown as writing.
_RECENT = timedelta(minutes=10)


def others_writing(session: Session, draft_id: int, *, besides: str) -> Sequence[str]:
    """Return the other people who saved a draft within the last ten minutes, the latest first."""
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
