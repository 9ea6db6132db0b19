"""The history of a draft's translations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.database.tables import TranslationRevisionRow
from newsletter.database.types import now
from newsletter.database.vocabulary import RevisionKind
from newsletter.errors import NotFoundError
from newsletter.i18n.messages import msg
from newsletter.issues.difference import Piece, pieces_of_change
from newsletter.issues.drafts.autosaves import replaces_last
from newsletter.issues.drafts.saving import Draft, Revision
from newsletter.issues.model import TranslatedUnit, Translation
from newsletter.issues.translation_units import translated_markdown

_ADAPTER: TypeAdapter[Translation] = TypeAdapter(Translation)


@dataclass(frozen=True, kw_only=True, slots=True)
class UnitChange:
    """A change of a unit's translation.

    Attributes:
        original: The unit's text in the issue's own language.
        pieces: The difference between old and new translation.
    """

    original: str
    pieces: tuple[Piece, ...]


def keep_translation_revision(
    session: Session, draft_id: int, translation: Translation, *, author: str, kind: RevisionKind
) -> None:
    """Store a revision of a translation; later automatic saves of its author may replace it."""
    whose = (
        TranslationRevisionRow.draft_id == draft_id,
        TranslationRevisionRow.language == translation.language,
    )
    newest = select(TranslationRevisionRow).where(*whose)
    last = session.scalars(
        newest.order_by(TranslationRevisionRow.number.desc()).limit(1)
    ).one_or_none()
    content = _ADAPTER.dump_python(translation, mode="json")
    if last is not None and replaces_last(last, content, author=author, kind=kind):
        last.content, last.saved_at = content, now()
    else:
        session.add(
            TranslationRevisionRow(
                draft_id=draft_id,
                language=translation.language,
                number=last.number + 1 if last else 1,
                kind=kind,
                content=content,
                author=author,
            )
        )
    session.flush()


def list_translation_revisions(session: Session, draft: Draft, tag: str) -> Sequence[Revision]:
    """Return the history of a translation, the newest first."""
    rows = session.scalars(
        select(TranslationRevisionRow)
        .where(
            TranslationRevisionRow.draft_id == draft.id,
            TranslationRevisionRow.language == tag,
        )
        .order_by(TranslationRevisionRow.number.desc())
    )
    return [
        Revision(number=row.number, kind=row.kind, author=row.author, saved_at=row.saved_at)
        for row in rows
    ]


def get_translation_revision(session: Session, draft: Draft, tag: str, number: int) -> Translation:
    """Return an earlier revision of a translation; number 0 is the empty one at the beginning.

    Raises:
        NotFoundError: There is no such revision.
    """
    if number == 0:
        return Translation(language=tag)
    row = session.get(TranslationRevisionRow, (draft.id, tag, number))
    if row is None:
        raise NotFoundError(msg("There is no revision {number}.", number=number))
    return _ADAPTER.validate_python(row.content)


def changes_between(before: Translation, after: Translation) -> tuple[UnitChange, ...]:
    """Return the differences between two states of a translation, unit by unit."""
    old = {each.source: each for each in before.units}
    new = {each.source: each for each in after.units}
    found = [(old.get(source), new.get(source)) for source in {**old, **new}]
    return tuple(
        UnitChange(
            original=(now or was or TranslatedUnit(source="")).original,
            pieces=pieces_of_change(translated_markdown(was), translated_markdown(now)),
        )
        for was, now in found
        if was != now
    )
