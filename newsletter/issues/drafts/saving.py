"""Drafts: saving, history and restoring, so that two editors never overwrite each other unseen."""

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
from newsletter.issues.sources.import_report import (
    IssueImportReport,
    report_from_json,
    report_to_json,
)
from newsletter.issues.step_drafts import is_of_series
from newsletter.issues.store import find_issue

#: Of drafts that were never sent, so many of the newest are looked at for what is due.
_MOST_OPEN = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A draft or one of its revisions.

    Attributes:
        revision: What the next save must name as the one it began with.
        template: Empty for the newsletter's default.
        corrects: The sent issue of which it is a correction; None of every other draft.
        archived: Where its issue is to stand in the archive; None for the archive's rule.
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
        """What it says, with the template."""
        return Version(issue=self.issue, template=self.template)

    @property
    def stands_for(self) -> int | None:
        """The stored issue whose text it is: the sent one of which it is a correction, or its own.

        None where there is none yet.
        """
        return self.corrects or self.issue_id


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """A line of a draft's history; ``changed`` is what of the text, where something was."""

    number: int
    kind: RevisionKind
    author: str
    saved_at: datetime
    changed: ChangedWords | None = None


class DraftConflictError(ConflictError):
    """Somebody else saved in between; both versions are at hand, and nothing was overwritten.

    Attributes:
        theirs: The draft as it stands.
        mine: What could not be saved.
        base: What both were made of, as far as it is known; see `base_of`.
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
        """Both versions as one, with what a person has to choose."""
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
    """Begin a draft with its first revision; ``report`` says how its text was read."""
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
    """Return the draft of an issue, begun from what the issue holds when there is none.

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
    """Return a newsletter's drafts, the last edited first; those of series' steps are theirs."""
    rows = session.scalars(
        select(DraftRow)
        .where(DraftRow.newsletter_id == newsletter_id, ~is_of_series())
        .order_by(DraftRow.updated_at.desc(), DraftRow.id.desc())
    )
    return [draft_of(row) for row in rows.all()]


def titles_of_drafts(session: Session, draft_ids: Collection[int]) -> Mapping[int, str]:
    """Return the titles of drafts by their numbers, as far as they are there and have one."""
    title = DraftRow.content["title"].as_string()
    query = select(DraftRow.id, title).where(DraftRow.id.in_(draft_ids))
    return {draft: words for draft, words in session.execute(query) if words}


def due_drafts(session: Session, until: Mapping[int, date], *, limit: int) -> Sequence[Draft]:
    """Return what should have been sent by its newsletter's day and was not, the earliest first."""
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
    """Save what an editor made of ``draft``; saving the same again changes nothing.

    The comparison of revisions and the write are one statement, so of two who save at once exactly
    one succeeds. Its translations stay as they are in the database: others write them meanwhile;
    see `newsletter.issues.drafts.translating`.

    Raises:
        DraftConflictError: Somebody saved since ``draft`` was read, and something else.
        IssueSentError: Its issue was sent, or is about to be.
        NotFoundError: The draft is gone.
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
    """Return what was in the draft's revision, or before it where that is one sitting with later.

    From an earlier base, a change that both versions have is no conflict, so nothing is lost by it.
    """
    rows = select(DraftRevisionRow).where(DraftRevisionRow.draft_id == draft.id).limit(1)
    number = DraftRevisionRow.number
    row = (
        session.scalars(rows.where(number <= draft.revision).order_by(number.desc())).first()
        or session.scalars(rows.order_by(number)).one()
    )
    return Version(issue=issue_from_json(row.content), template=row.template)


def lock_draft(session: Session, draft: Draft) -> Draft:
    """Return a draft as it is in the database, and keep others from changing it meanwhile.

    Raises:
        NotFoundError: The draft is gone.
    """
    return draft_of(lock_row(session, draft))


def _with_translations(draft: Draft, translations: tuple[Translation, ...]) -> Draft:
    return replace(draft, issue=replace(draft.issue, translations=translations))


def keep_translations(
    session: Session, draft: Draft, translations: tuple[Translation, ...]
) -> Draft:
    """Write the translations of a locked draft; its text and revision stay.

    Raises:
        IssueSentError: Its issue was sent, or is about to be.
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
    # What others were asked to approve is theirs to come back to.
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
    """Return a draft's history, newest first, with what each changed since the one before it."""
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
    """Return a draft as it was.

    Raises:
        NotFoundError: There is no such revision, or it was joined with the next one.
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
    """Bring a revision back as a new one; what stands now stays in the history.

    Raises:
        DraftConflictError: Somebody saved since ``draft`` was read.
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
    """Return the row of a draft, held until the transaction ends; see `get_draft`."""
    _find(session, draft.newsletter_id, draft.id)
    return session.get_one(DraftRow, draft.id, with_for_update=True, populate_existing=True)


def draft_of(row: DraftRow) -> Draft:
    """Return what a row holds."""
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
    """Return how a draft's text was read, until an editor has seen to it."""
    row = _find(session, draft.newsletter_id, draft.id)
    return report_from_json(row.import_report) if row.import_report else None


def drop_import_report(session: Session, draft: Draft) -> None:
    """Forget how a draft's text was read."""
    _find(session, draft.newsletter_id, draft.id).import_report = None


def stored_draft_of(session: Session, issue_id: int) -> DraftRow | None:
    """Return the draft that an issue was made of, if it is still there."""
    return session.scalars(select(DraftRow).where(DraftRow.issue_id == issue_id)).first()


def correct_draft(session: Session, issue: IssueRow, before: JsonObject, *, author: str) -> None:
    """Bring the draft of a sent issue in step with its correction, as a revision of its own.

    One that was edited since it was sent stays as it is.

    Args:
        session: The transaction that corrects.
        issue: As it is corrected.
        before: What it said until then.
        author: Who corrects.
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
    """Return the draft of the correction of a sent issue that is still written."""
    row = session.scalars(select(DraftRow).where(DraftRow.corrects == issue_id)).one_or_none()
    return draft_of(row) if row else None
