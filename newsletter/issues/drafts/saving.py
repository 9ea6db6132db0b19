"""Saving drafts, their history, and restoring; concurrent saves never overwrite each other."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import pairwise, zip_longest

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from newsletter.database.tables import (
    DraftRevisionRow,
    DraftRow,
    IssueRow,
    MailingRow,
)
from newsletter.database.types import JsonObject, now
from newsletter.database.vocabulary import Archived, ContentUser, RevisionKind
from newsletter.errors import ConflictError, NotFoundError
from newsletter.i18n.messages import msg
from newsletter.issues.difference import ChangedWords, changed_words
from newsletter.issues.drafts.autosaves import replaces_last
from newsletter.issues.library.uses import record_uses
from newsletter.issues.merging import Merge, Version, merge
from newsletter.issues.model import Issue, Translation, issue_from_json, issue_to_json
from newsletter.issues.search import Indexed, index_words, words_of
from newsletter.issues.sent import keeps_its_issue, refuse_change
from newsletter.issues.sources.reading import (
    IssueImportReport,
    report_from_json,
    report_to_json,
)
from newsletter.issues.store import find_issue, is_of_series

#: The number of newest unsent drafts among which due ones are looked for.
_MOST_OPEN = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A draft or one of its revisions.

    Attributes:
        revision: The revision number, which the next save must name.
        template: The template; empty for the newsletter's.
        corrects: The sent issue that it corrects; None for other drafts.
        archived: How the archive is to show its issue; None for the default.
    """

    id: int
    newsletter_id: int
    issue_id: int | None
    revision: int
    issue: Issue
    template: str
    author: str
    saved_at: datetime
    corrects: int | None = None
    archived: Archived | None = None

    @property
    def version(self) -> Version:
        """Its content with the template."""
        return Version(issue=self.issue, template=self.template)

    @property
    def stands_for(self) -> int | None:
        """The issue that it belongs to: the sent one that it corrects, or its own; None without."""
        return self.corrects or self.issue_id


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """A line of a draft's history; ``changed`` is a summary of the changes, if any."""

    number: int
    kind: RevisionKind
    author: str
    saved_at: datetime
    changed: ChangedWords | None = None


class DraftConflictError(ConflictError):
    """Another person saved the draft meanwhile; nothing was overwritten.

    Attributes:
        theirs: The present draft.
        mine: The version that was not saved.
        base: The common base of both, as far as it is known; see `base_of`.
    """

    def __init__(self, theirs: Draft, mine: Version, base: Version) -> None:
        super().__init__(
            msg("{author} saved this issue in the meantime.", author=theirs.author),
            remedy=msg("Compare both versions, then keep one or combine them."),
        )
        self.theirs = theirs
        self.mine = mine
        self.base = base

    @property
    def merge(self) -> Merge:
        """The merge of both versions, with its conflicts."""
        return merge(self.base, self.theirs.version, self.mine)


def create_draft(
    session: Session,
    newsletter_id: int,
    issue: Issue,
    *,
    author: str,
    template: str = "",
    kind: RevisionKind = RevisionKind.SAVED,
    issue_id: int | None = None,
    corrects: int | None = None,
    report: IssueImportReport | None = None,
) -> Draft:
    """Create a draft with its first revision; ``report`` is the report on reading a file."""
    row = DraftRow(
        newsletter_id=newsletter_id,
        issue_id=issue_id,
        corrects=corrects,
        content=issue_to_json(issue),
        words=words_of(issue),
        template=template,
        author=author,
        import_report=report_to_json(report) if report else None,
    )
    session.add(row)
    session.flush()
    _keep_revision(session, row, kind)
    record_uses(session, newsletter_id, ContentUser.DRAFT, row.id, row.content)
    index_words(session, Indexed.DRAFT, row.id, row.words)
    return draft_of(row)


def open_issue(session: Session, newsletter_id: int, slug: str, *, author: str) -> Draft:
    """Return the draft of an issue, created from the issue if there is none.

    Raises:
        NotFoundError: There is no such issue.
    """
    issue = find_issue(session, newsletter_id, slug)
    row = session.scalars(select(DraftRow).where(DraftRow.issue_id == issue.id)).one_or_none()
    if row is not None:
        return draft_of(row)
    return create_draft(
        session,
        newsletter_id,
        issue_from_json(issue.content),
        author=author,
        template=issue.template,
        kind=RevisionKind.IMPORTED,
        issue_id=issue.id,
    )


def get_draft(session: Session, newsletter_id: int, draft_id: int) -> Draft:
    """Return a newsletter's draft.

    Raises:
        NotFoundError: The newsletter has no such draft.
    """
    return draft_of(_find(session, newsletter_id, draft_id))


def list_drafts(session: Session, newsletter_id: int) -> Sequence[Draft]:
    """Return a newsletter's drafts without those of series, the last edited first."""
    rows = session.scalars(
        select(DraftRow)
        .where(DraftRow.newsletter_id == newsletter_id, ~is_of_series())
        .order_by(DraftRow.updated_at.desc(), DraftRow.id.desc())
    )
    return [draft_of(row) for row in rows.all()]


def titles_of_drafts(session: Session, draft_ids: Collection[int]) -> Mapping[int, str]:
    """Return the titles of drafts, by id; deleted ones and those without a title are left out."""
    title = DraftRow.content["title"].as_string()
    query = select(DraftRow.id, title).where(DraftRow.id.in_(draft_ids))
    return {draft: words for draft, words in session.execute(query) if words}


def due_drafts(session: Session, until: Mapping[int, date], *, limit: int) -> Sequence[Draft]:
    """Return the unsent drafts that are due by a day per newsletter, the earliest first."""
    rows = session.scalars(
        select(DraftRow)
        .where(
            DraftRow.newsletter_id.in_(until),
            DraftRow.corrects.is_(None),
            DraftRow.issue_id.is_(None) | DraftRow.issue_id.not_in(_kept_issues()),
            ~is_of_series(),
        )
        .order_by(DraftRow.id.desc())
        .limit(_MOST_OPEN)
    )
    found = [
        draft
        for draft in map(draft_of, rows)
        if draft.issue.issue_date <= until[draft.newsletter_id]
    ]
    return sorted(found, key=lambda draft: (draft.issue.issue_date, draft.id))[:limit]


def _kept_issues() -> Select[int | None]:
    return select(MailingRow.issue_id).where(MailingRow.issue_id.is_not(None), keeps_its_issue())


def save_draft(
    session: Session,
    draft: Draft,
    issue: Issue,
    *,
    author: str,
    template: str | None = None,
    kind: RevisionKind = RevisionKind.SAVED,
) -> Draft:
    """Save a changed draft; saving the same content again has no effect.

    Comparing the revision and writing is one statement, so that of two concurrent saves exactly one
    succeeds. Translations are not changed, since they are edited separately; see
    `newsletter.issues.drafts.translating`.

    Raises:
        DraftConflictError: Another person saved other content after ``draft`` was read.
        IssueSentError: The draft's issue was sent or ordered.
        NotFoundError: The draft was deleted.
    """
    kept = lock_draft(session, draft).issue.translations
    issue, draft = (replace(issue, translations=kept), _with_translations(draft, kept))
    content, template = issue_to_json(issue), draft.template if template is None else template
    values = {"content": content, "template": template, "author": author, "updated_at": now()}
    values["words"] = words_of(issue)
    if issue != draft.issue or template != draft.template:
        if draft.issue_id is not None:
            refuse_change(session, session.get_one(IssueRow, draft.issue_id))
        saved = session.scalar(
            update(DraftRow)
            .where(DraftRow.id == draft.id, DraftRow.revision == draft.revision)
            .values(revision=DraftRow.revision + 1, **values)
            .returning(DraftRow.id)
        )
    else:
        saved = None
    row = _find(session, draft.newsletter_id, draft.id)
    session.refresh(row)
    if saved is not None:
        _keep_revision(session, row, kind)
        record_uses(session, row.newsletter_id, ContentUser.DRAFT, row.id, content)
        index_words(session, Indexed.DRAFT, row.id, row.words)
        return draft_of(row)
    current = draft_of(row)
    if current.issue != issue or current.template != template:
        mine = Version(issue=issue, template=template)
        raise DraftConflictError(current, mine, base_of(session, draft))
    return current


def base_of(session: Session, draft: Draft) -> Version:
    """Return the content of the draft's revision, or an earlier one if later saves replaced it.

    An earlier base is safe: changes that both versions have in common are no conflicts.
    """
    rows = select(DraftRevisionRow).where(DraftRevisionRow.draft_id == draft.id).limit(1)
    number = DraftRevisionRow.number
    row = (
        session.scalars(rows.where(number <= draft.revision).order_by(number.desc())).first()
        or session.scalars(rows.order_by(number)).one()
    )
    return Version(issue=issue_from_json(row.content), template=row.template)


def lock_draft(session: Session, draft: Draft) -> Draft:
    """Lock a draft's row and return its present state.

    Raises:
        NotFoundError: The draft was deleted.
    """
    return draft_of(lock_row(session, draft))


def _with_translations(draft: Draft, translations: tuple[Translation, ...]) -> Draft:
    return replace(draft, issue=replace(draft.issue, translations=translations))


def keep_translations(
    session: Session, draft: Draft, translations: tuple[Translation, ...]
) -> Draft:
    """Save the translations of a locked draft; its content and revision do not change.

    Raises:
        IssueSentError: The draft's issue was sent or ordered.
    """
    if draft.issue_id is not None:
        refuse_change(session, session.get_one(IssueRow, draft.issue_id))
    row = _find(session, draft.newsletter_id, draft.id)
    issue = replace(issue_from_json(row.content), translations=translations)
    row.content, row.updated_at = issue_to_json(issue), now()
    row.words = words_of(issue)
    session.flush()
    record_uses(session, row.newsletter_id, ContentUser.DRAFT, row.id, row.content)
    index_words(session, Indexed.DRAFT, row.id, row.words)
    return draft_of(row)


def _keep_revision(session: Session, row: DraftRow, kind: RevisionKind) -> None:
    last = session.scalars(
        select(DraftRevisionRow)
        .where(DraftRevisionRow.draft_id == row.id)
        .order_by(DraftRevisionRow.number.desc())
        .limit(1)
    ).one_or_none()
    began = now()
    # The stored issue does not change, since its approval may have been requested.
    issue = session.get(IssueRow, row.issue_id) if row.issue_id else None
    is_published = last is not None and issue is not None and issue.content == last.content
    if (
        last is not None
        and not is_published
        and replaces_last(last, row.content, author=row.author, kind=kind)
    ):
        began = last.began_at
        session.delete(last)
        session.flush()
    session.add(
        DraftRevisionRow(
            draft_id=row.id,
            number=row.revision,
            kind=kind,
            content=row.content,
            template=row.template,
            author=row.author,
            began_at=began,
        )
    )
    session.flush()


def list_revisions(session: Session, draft: Draft) -> Sequence[Revision]:
    """Return a draft's history, the newest first, each with its changes since the one before."""
    rows = session.scalars(
        select(DraftRevisionRow)
        .where(DraftRevisionRow.draft_id == draft.id)
        .order_by(DraftRevisionRow.number.desc())
    ).all()
    texts = [issue_from_json(row.content) for row in rows]
    changes = [changed_words(before, after) for after, before in pairwise(texts)]
    return [
        Revision(
            number=row.number,
            kind=row.kind,
            author=row.author,
            saved_at=row.saved_at,
            changed=changed,
        )
        for row, changed in zip_longest(rows, changes)
    ]


def get_revision(session: Session, draft: Draft, number: int) -> Draft:
    """Return an earlier revision of a draft.

    Raises:
        NotFoundError: There is no such revision, or a later save replaced it.
    """
    row = session.get(DraftRevisionRow, (draft.id, number))
    if row is None:
        raise NotFoundError(msg("There is no revision {number}.", number=number))
    return replace(
        draft,
        revision=row.number,
        issue=issue_from_json(row.content),
        template=row.template,
        author=row.author,
        saved_at=row.saved_at,
    )


def restore_revision(session: Session, draft: Draft, number: int, *, author: str) -> Draft:
    """Restore a revision as a new one; the present one remains in the history.

    Raises:
        DraftConflictError: The draft was saved after ``draft`` was read.
        NotFoundError: There is no such revision.
    """
    earlier = get_revision(session, draft, number)
    return save_draft(
        session,
        draft,
        earlier.issue,
        author=author,
        template=earlier.template,
        kind=RevisionKind.RESTORED,
    )


def _find(session: Session, newsletter_id: int, draft_id: int) -> DraftRow:
    row = session.get(DraftRow, draft_id)
    if row is None or row.newsletter_id != newsletter_id:
        raise NotFoundError(msg("There is no such draft."))
    return row


def lock_row(session: Session, draft: Draft) -> DraftRow:
    """Return the row of a draft, locked until the transaction ends; see `get_draft`."""
    _find(session, draft.newsletter_id, draft.id)
    return session.get_one(DraftRow, draft.id, with_for_update=True, populate_existing=True)


def draft_of(row: DraftRow) -> Draft:
    """Return the draft in a row."""
    return Draft(
        id=row.id,
        newsletter_id=row.newsletter_id,
        issue_id=row.issue_id,
        revision=row.revision,
        issue=issue_from_json(row.content),
        template=row.template,
        author=row.author,
        saved_at=row.updated_at,
        corrects=row.corrects,
        archived=row.archived,
    )


def find_import_report(session: Session, draft: Draft) -> IssueImportReport | None:
    """Return the report on reading a draft's imported text, until an editor has checked it."""
    row = _find(session, draft.newsletter_id, draft.id)
    return report_from_json(row.import_report) if row.import_report else None


def drop_import_report(session: Session, draft: Draft) -> None:
    """Delete the report on reading a draft's imported text."""
    _find(session, draft.newsletter_id, draft.id).import_report = None


def stored_draft_of(session: Session, issue_id: int) -> DraftRow | None:
    """Return the draft of an issue, if it still exists."""
    return session.scalars(select(DraftRow).where(DraftRow.issue_id == issue_id)).first()


def correct_draft(session: Session, issue: IssueRow, before: JsonObject, *, author: str) -> None:
    """Update the draft of a sent issue with its correction, as a new revision.

    A draft that was edited after the issue was sent is not changed.

    Args:
        session: The database session, in the transaction of the correction.
        issue: The corrected issue.
        before: Its content before the correction.
        author: The author of the correction.
    """
    row = stored_draft_of(session, issue.id)
    if row is None or row.content != before:
        return
    row.content, row.template, row.words = issue.content, issue.template, issue.words
    row.author, row.updated_at = author, now()
    row.revision += 1
    session.flush()
    _keep_revision(session, row, RevisionKind.CORRECTED)
    record_uses(session, row.newsletter_id, ContentUser.DRAFT, row.id, row.content)
    index_words(session, Indexed.DRAFT, row.id, row.words)


def correction_draft(session: Session, issue_id: int) -> Draft | None:
    """Return the draft of a sent issue's correction that is not in effect; None without one."""
    row = session.scalars(select(DraftRow).where(DraftRow.corrects == issue_id)).one_or_none()
    return draft_of(row) if row else None
