"""Actions of editors on issues and drafts, each with its audit entry.

Saving a draft has no audit entry: its revisions have text and author.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action, Detail
from newsletter.database.tables import AccountRow, AuditEventRow, IssueRow, NewsletterRow
from newsletter.database.vocabulary import RevisionKind
from newsletter.errors import ConflictError, NotFoundError
from newsletter.i18n.messages import msg
from newsletter.issues import store
from newsletter.issues.corrections import open_correction, readied_correction
from newsletter.issues.drafts import publishing, reuse, translating
from newsletter.issues.drafts import saving as drafts
from newsletter.issues.drafts.reuse import Pattern
from newsletter.issues.drafts.saving import Draft
from newsletter.issues.drafts.translating import get_translation_revision
from newsletter.issues.library.images import Encoded, keep_image, require_description
from newsletter.issues.library.stored_files import CheckedFile, keep_file
from newsletter.issues.model import Issue, issue_from_json
from newsletter.issues.sent import sent_as
from newsletter.issues.sources.reading import ReadIssue, report_on
from newsletter.issues.translation_files import translation_from_issue
from newsletter.newsletters.recurrence import next_free_date


def create_draft(session: Session, actor: Actor, newsletter_id: int, issue: Issue) -> Draft:
    """Create a draft."""
    draft = drafts.create_draft(session, newsletter_id, issue, author=actor.name)
    _record(session, actor, Action.ISSUE_CREATE, draft, {"title": issue.title})
    return draft


def import_draft(session: Session, actor: Actor, newsletter_id: int, read: ReadIssue) -> Draft:
    """Create a draft from a file or pasted text."""
    draft = drafts.create_draft(
        session,
        newsletter_id,
        read.issue,
        author=actor.name,
        template=read.template,
        kind=RevisionKind.IMPORTED,
        report=report_on(read),
    )
    _record(
        session,
        actor,
        Action.ISSUE_IMPORT,
        draft,
        {"title": read.issue.title, "format": read.format.value},
    )
    return draft


class ImportedIssue(NamedTuple):
    """A stored issue, and the earlier one that it replaced, if their contents differ."""

    row: IssueRow
    replaced: Issue | None


def import_issue(
    session: Session, actor: Actor, newsletter_id: int, read: ReadIssue
) -> ImportedIssue:
    """Store an issue from a file, replacing an earlier one with the same date and number.

    Files have no translations; those of the earlier issue are kept as far as they match.

    Raises:
        IssueSentError: The earlier one was sent or ordered, with other content.
    """
    earlier = store.find_earlier(session, newsletter_id, read.issue)
    if earlier is not None:
        read = replace(read, issue=replace(read.issue, translations=earlier.translations))
    row = store.save_issue(session, newsletter_id, read)
    record_on_issue(
        session,
        actor,
        Action.ISSUE_IMPORT,
        row,
        details={"title": row.title, "format": read.format.value},
    )
    return ImportedIssue(row, None if earlier == read.issue else earlier)


def add_picture(
    session: Session,
    actor: Actor,
    newsletter_id: int,
    encoded: Encoded,
    *,
    alt: str,
    name: str = "",
    described: bool = True,
) -> str:
    """Add a picture to a newsletter's library; return its public path.

    ``described`` means that it is inserted into an issue at once, which requires alternative text.

    Raises:
        ContentError: The alternative text is missing although required.
    """
    if described:
        require_description(alt)
    path = keep_image(session, newsletter_id, encoded, alt=alt, name=name)
    record_event(
        session,
        actor,
        Action.ISSUE_PICTURE,
        object=path,
        newsletter_id=newsletter_id,
        details={"alt": alt.strip()[:200]},
    )
    return path


def add_file(session: Session, actor: Actor, newsletter_id: int, upload: CheckedFile) -> str:
    """Add a file to a newsletter's library; return its public path."""
    path = keep_file(session, newsletter_id, upload)
    record_event(
        session,
        actor,
        Action.ISSUE_FILE,
        object=path,
        newsletter_id=newsletter_id,
        details={"name": upload.name[:200]},
    )
    return path


def begin_correction(session: Session, actor: Actor, newsletter_id: int, issue_id: int) -> Draft:
    """Return the draft for correcting a sent issue, created from its present content if needed.

    Raises:
        NotFoundError: The newsletter has no such issue.
        ConflictError: Nobody received the issue, so that it can be changed directly.
    """
    issue = store.get_issue(session, newsletter_id, issue_id)
    if issue.corrects is not None or not any(row.started_at for row in sent_as(session, issue_id)):
        raise ConflictError(
            msg(
                "Issue {issue} was not sent yet, so there is nothing to correct.", issue=issue.slug
            ),
            remedy=msg("Change its draft instead."),
        )
    correction = open_correction(session, issue_id)
    begun = drafts.correction_draft(session, issue_id)
    if begun is not None:
        return begun
    begun = drafts.create_draft(
        session,
        newsletter_id,
        issue_from_json(issue.content),
        author=actor.name,
        template=issue.template,
        corrects=issue_id,
    )
    _record(
        session,
        actor,
        Action.ISSUE_CORRECTION_BEGIN,
        begun,
        {"issue": issue.slug, "correction": correction.number},
    )
    return begun


def duplicate_issue(
    session: Session,
    actor: Actor,
    newsletter_id: int,
    issue: Issue,
    *,
    template: str,
    source: str = "",
) -> Draft:
    """Create a draft of the next issue with an issue's content; ``source`` names that issue.

    Its date is the next one of the recurrence, or else after the usual interval.
    """
    newsletter = session.get_one(NewsletterRow, newsletter_id)
    begun = reuse.start_from(
        session,
        newsletter_id,
        issue,
        author=actor.name,
        template=template,
        day=next_free_date(session, newsletter),
    )
    details: dict[Detail, object] = {"title": begun.issue.title}
    if source:
        details["from"] = source
    _record(session, actor, Action.ISSUE_DUPLICATE, begun, details)
    return begun


def keep_pattern(
    session: Session,
    actor: Actor,
    newsletter_id: int,
    name: str,
    issue: Issue,
    *,
    template: str = "",
    replace: bool = False,
) -> Pattern:
    """Save an issue as a pattern.

    Raises:
        ConflictError: A pattern with the same name exists, and ``replace`` is not set.
        ListError: The name is empty or too long.
    """
    kept = reuse.keep_pattern(
        session,
        newsletter_id,
        name,
        issue,
        author=actor.name,
        template=template,
        replace=replace,
    )
    _record_pattern(session, actor, Action.PATTERN_KEEP, kept)
    return kept


def start_from_pattern(session: Session, actor: Actor, pattern: Pattern) -> Draft:
    """Create a draft of the next issue with a pattern's content."""
    return duplicate_issue(
        session,
        actor,
        pattern.newsletter_id,
        issue_from_json(pattern.content),
        template=pattern.template,
        source=pattern.name,
    )


def delete_pattern(session: Session, actor: Actor, pattern: Pattern) -> None:
    """Delete a pattern; issues that were started from it are not affected."""
    _record_pattern(session, actor, Action.PATTERN_DELETE, pattern)
    reuse.delete_pattern(session, pattern)


def _record_pattern(session: Session, actor: Actor, action: Action, pattern: Pattern) -> None:
    record_event(
        session,
        actor,
        action,
        object=f"pattern {pattern.id}",
        newsletter_id=pattern.newsletter_id,
        details={"name": pattern.name},
    )


def publish_draft(session: Session, actor: Actor, draft: Draft) -> IssueRow:
    """Store a draft's content as its issue, which can be sent.

    Raises:
        DraftConflictError: Another person saved the draft meanwhile.
        IssueSentError: The issue was sent or ordered, with other content.
    """
    issue = publishing.publish_draft(session, draft)
    _record(session, actor, Action.ISSUE_PUBLISH, draft, {"issue": issue.slug})
    return issue


def restore_revision(session: Session, actor: Actor, draft: Draft, revision: int) -> Draft:
    """Restore an earlier revision of a draft, as a new revision.

    Raises:
        NotFoundError: There is no such revision.
        DraftConflictError: Another person saved the draft meanwhile.
    """
    restored = drafts.restore_revision(session, draft, revision, author=actor.name)
    _record(session, actor, Action.ISSUE_RESTORE, draft, {"revision": revision})
    return restored


def add_translation(
    session: Session, actor: Actor, draft: Draft, language: str
) -> tuple[Draft, str]:
    """Add a translation to a draft; return the draft and the language's tag.

    Raises:
        ContentError: The language is not valid, or is the draft's own.
        ConflictError: The draft has the maximum number of translations.
        IssueSentError: Its issue was sent or ordered.
    """
    before = draft.issue.translations
    draft, tag = translating.add_translation(session, draft, language)
    if draft.issue.translations != before:
        _record(session, actor, Action.ISSUE_TRANSLATION_ADD, draft, {"language": tag})
    return draft, tag


def import_translation(
    session: Session, actor: Actor, draft: Draft, tag: str, written: Issue
) -> Draft:
    """Import a translation that was written as a separate issue.

    Raises:
        ContentError: Its parts do not correspond to the draft's; the message names the first.
        IssueSentError: The draft's issue was sent or ordered.
    """
    translation = translation_from_issue(draft.issue, written, tag)
    draft = translating.replace_translation(session, draft, translation, author=actor.name)
    _record(session, actor, Action.ISSUE_TRANSLATION_IMPORT, draft, {"language": tag})
    return draft


def restore_translation(
    session: Session, actor: Actor, draft: Draft, tag: str, number: int
) -> Draft:
    """Restore an earlier revision of a translation, as a new revision.

    Raises:
        NotFoundError: There is no such revision.
        IssueSentError: The draft's issue was sent or ordered.
    """
    earlier = get_translation_revision(session, draft, tag, number)
    restored = translating.replace_translation(
        session, draft, earlier, author=actor.name, kind=RevisionKind.RESTORED
    )
    details: dict[Detail, object] = {"language": tag, "revision": number}
    _record(session, actor, Action.ISSUE_TRANSLATION_RESTORE, draft, details)
    return restored


def remove_translation(session: Session, actor: Actor, draft: Draft, tag: str) -> Draft:
    """Remove a translation from a draft.

    Raises:
        IssueSentError: The draft's issue was sent or ordered.
    """
    before = draft.issue.translations
    draft = translating.remove_translation(session, draft, tag)
    if draft.issue.translations != before:
        _record(session, actor, Action.ISSUE_TRANSLATION_REMOVE, draft, {"language": tag})
    return draft


def delete_draft(session: Session, actor: Actor, draft: Draft) -> None:
    """Delete a draft with its revisions; its stored issue is kept."""
    details: dict[Detail, object] = {"title": draft.issue.title}
    if draft.corrects is not None:
        readied = readied_correction(session, draft.corrects)
        details |= {"issue": str(readied.id)} if readied is not None else {}
    publishing.delete_draft(session, draft)
    _record(session, actor, Action.ISSUE_DELETE, draft, details)


class RemovedError(NotFoundError):
    """A draft, or a correction that was not in effect, was deleted.

    Attributes:
        title: Its title.
        person: The person who deleted it, by name or address.
        at: When it was deleted.
    """

    def __init__(self, *, title: str, person: str, at: datetime) -> None:
        super().__init__(msg("“{title}” was deleted by {person}.", title=title, person=person))
        self.title = title
        self.person = person
        self.at = at


def find_draft(session: Session, newsletter_id: int, number: int) -> Draft:
    """Return a newsletter's draft.

    Raises:
        RemovedError: The draft was deleted.
        NotFoundError: The newsletter never had this draft.
    """
    try:
        return drafts.get_draft(session, newsletter_id, number)
    except NotFoundError:
        _raise_if_removed(session, newsletter_id, AuditEventRow.object == f"draft {number}")
        raise


def find_issue(session: Session, newsletter_id: int, number: int) -> IssueRow:
    """Return a newsletter's issue, or the stored content of a correction.

    Raises:
        RemovedError: It was the content of a correction that was discarded.
        NotFoundError: The newsletter never had this issue.
    """
    try:
        return store.get_issue(session, newsletter_id, number)
    except NotFoundError:
        issue = AuditEventRow.details["issue"].as_string()
        _raise_if_removed(session, newsletter_id, issue == str(number))
        raise


def _raise_if_removed(session: Session, newsletter_id: int, named: ColumnElement[bool]) -> None:
    found = session.execute(
        select(AuditEventRow, AccountRow.name)
        .outerjoin(AccountRow, AccountRow.id == AuditEventRow.actor_id)
        .where(
            AuditEventRow.action == Action.ISSUE_DELETE.value,
            AuditEventRow.newsletter_id == newsletter_id,
            named,
        )
        .order_by(AuditEventRow.id.desc())
        .limit(1)
    ).first()
    if found is not None:
        event, name = found
        title = str(event.details.get("title", ""))
        raise RemovedError(title=title, person=name or event.actor, at=event.occurred_at)


def record_on_issue(
    session: Session,
    actor: Actor,
    action: Action,
    issue: IssueRow,
    *,
    reason: str = "",
    details: Mapping[Detail, object] | None = None,
) -> None:
    """Write the audit entry of an action on a stored issue; see `record_event`."""
    record_event(
        session,
        actor,
        action,
        object=f"issue {issue.slug}",
        newsletter_id=issue.newsletter_id,
        reason=reason,
        details=details,
    )


def _record(
    session: Session,
    actor: Actor,
    action: Action,
    draft: Draft,
    details: Mapping[Detail, object] | None = None,
) -> None:
    record_event(
        session,
        actor,
        action,
        object=f"draft {draft.id}",
        newsletter_id=draft.newsletter_id,
        details=details,
    )
